#include "pipeline/tasks/hypothesis_template.h"

#include <utility>

#include <fmt/format.h>

namespace millrace::pipeline {
namespace {

Error bad(std::string_view what) {
  return error(Errc::invalid_input,
               "BAD_PARAMETER",
               fmt::format("{}; expected a text with {{}} where the label goes, for example "
                           "\"This example is {{}}.\"",
                           what));
}

}  // namespace

Result<HypothesisTemplate> HypothesisTemplate::parse(std::string_view text) {
  HypothesisTemplate made;
  made.pieces_.clear();
  std::string piece;
  std::size_t automatic = 0;
  bool numbered = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = text.substr(i);
    if (rest.starts_with("{{") || rest.starts_with("}}")) {
      piece += text[i++];
    } else if (rest.starts_with("{}") || rest.starts_with("{0}")) {
      numbered = numbered || rest[1] == '0';
      automatic += rest[1] == '}' ? 1 : 0;
      made.pieces_.push_back(std::exchange(piece, {}));
      i += rest[1] == '0' ? 2 : 1;
    } else if (text[i] == '{' || text[i] == '}') {
      return bad("a brace that is neither {}, {0}, {{ nor }}");
    } else {
      piece += text[i];
    }
  }
  if (automatic > 1) return bad("{} stands there more than once, and there is one label");
  if (automatic > 0 && numbered) return bad("{} and {0} do not go together");
  made.pieces_.push_back(std::move(piece));
  return made;
}

std::string HypothesisTemplate::fill(std::string_view label) const {
  std::string text = pieces_.front();
  for (std::size_t i = 1; i < pieces_.size(); ++i) {
    text += label;
    text += pieces_[i];
  }
  return text;
}

}  // namespace millrace::pipeline
