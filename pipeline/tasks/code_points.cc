#include "pipeline/tasks/code_points.h"

#include "config/base/utf8.h"

#include <algorithm>

namespace millrace::pipeline {

CodePoints::CodePoints(std::string_view text) : text_(text) {
  for (std::size_t i = 0; i < text.size(); i += config::decode_utf8(text.substr(i)).length)
    begins_.push_back(i);
  begins_.push_back(text.size());
}

std::string_view CodePoints::slice(std::size_t begin, std::size_t end) const {
  begin = std::min(begin, size());
  end = std::clamp(end, begin, size());
  return text_.substr(begins_[begin], begins_[end] - begins_[begin]);
}

}  // namespace millrace::pipeline
