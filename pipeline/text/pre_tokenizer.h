#pragma once

#include "config/base/utf8.h"
#include "pipeline/text/code_point_map.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace millrace::pipeline {

/// Cuts a normalised text into words.
///
/// Every pre-tokenizer here judges code points one by one: white space goes, some stand alone, the
/// others go together with neighbours of the same group. A Sequence of them is again such a
/// judgement. Thread-safe.
class PreTokenizer {
 public:
  enum class Step : std::uint8_t {
    bert,              // white space goes, punctuation stands alone
    whitespace,        // \w+|[^\w\s]+
    whitespace_split,  // white space goes
    punctuation,       // punctuation stands alone
    digits,            // numbers apart from the rest
    single_digits,     // each digit stands alone
  };

  /// No steps: the text is one word.
  explicit PreTokenizer(const std::vector<Step>& steps);

  /// Calls `word(begin, end)` with the byte range of every word, in order, until it returns false.
  template <typename Sink>
  void split(std::string_view text, Sink word) const {
    std::size_t begin = 0;
    Group group = kSpace;  // of the word that is open; none is open after a space
    for (std::size_t i = 0; i < text.size();) {
      const auto byte = static_cast<unsigned char>(text[i]);
      std::size_t length = 1;
      Group next = kSpace;
      if (byte < 0x80) {
        next = ascii_[byte];
      } else {
        const config::Decoded decoded = config::decode_utf8(text.substr(i));
        next = groups_[decoded.code_point];
        length = decoded.length;
      }
      if (next != group || next == kAlone) {
        if (group != kSpace && !word(begin, i)) return;
        begin = i;
        group = next;
      }
      i += length;
    }
    if (group != kSpace) word(begin, text.size());
  }

 private:
  using Group = std::uint8_t;
  static constexpr Group kSpace = 0;
  static constexpr Group kAlone = 1;
  static constexpr Group kFirstGroup = 2;

  void apply(Step step);

  std::array<Group, 128> ascii_{};
  CodePointMap<Group> groups_{kFirstGroup};
};

}  // namespace millrace::pipeline
