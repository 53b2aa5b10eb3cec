#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace millrace::pipeline {

/// Cuts a text by code points, which is what offsets of tokenizers count. The text must outlive it.
class CodePoints {
 public:
  /// text: valid UTF-8.
  explicit CodePoints(std::string_view text);

  std::size_t size() const { return begins_.size() - 1; }

  /// Returns code points begin … end (not included); what lies beyond the text is left out.
  std::string_view slice(std::size_t begin, std::size_t end) const;

 private:
  std::string_view text_;
  std::vector<std::size_t> begins_;  // byte of every code point, and the end
};

}  // namespace millrace::pipeline
