#pragma once

#include <span>
#include <string>
#include <string_view>

namespace millrace::pipeline {

/// Joins the pieces of words again. Thread-safe.
///
/// Source: tokenizers 0.22.2, decoders/wordpiece.rs.
class WordPieceDecoder {
 public:
  /// prefix: of a piece inside a word. clean_up: takes the space before punctuation and English
  /// contractions away.
  WordPieceDecoder(std::string prefix, bool clean_up)
      : prefix_(std::move(prefix)), clean_up_(clean_up) {}

  std::string join(std::span<const std::string_view> tokens) const;

 private:
  std::string prefix_;
  bool clean_up_;
};

}  // namespace millrace::pipeline
