#pragma once

#include "pipeline/text/code_point_map.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace::pipeline {

/// Cuts a text as GPT-2 does:
///   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
///
/// Thread-safe. Source: tokenizers 0.22.2, pre_tokenizers/byte_level.rs.
class ByteLevelSplitter {
 public:
  ByteLevelSplitter();

  /// Calls `word(begin, end)` with the byte range of every word, in order, until it returns false.
  template <typename Sink>
  void split(std::string_view text, Sink word) const {
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = begin + first_word(text.substr(begin));
      if (!word(begin, end)) return;
      begin = end;
    }
  }

 private:
  enum class Class : std::uint8_t { other, letter, number, space };

  std::size_t first_word(std::string_view text) const;
  std::size_t run(std::string_view text, Class wanted) const;
  std::size_t space_run(std::string_view text) const;

  CodePointMap<Class> classes_{Class::other};
  std::array<Class, 128> ascii_{};  // the same, for most texts
};

}  // namespace millrace::pipeline
