#pragma once

#include "config/base/utf8.h"
#include "pipeline/text/byte_trie.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace millrace::pipeline {

/// Cuts words into the longest pieces of a vocabulary, from left to right. Thread-safe.
///
/// A piece inside a word is looked up with the prefix ("##") before it. The trie holds these keys
/// as they are, so looking up inside a word only means to begin at the node that the prefix leads
/// to: nothing is copied. Source: tokenizers 0.22.2, models/wordpiece/mod.rs.
class WordPiece {
 public:
  WordPiece(ByteTrie vocabulary,
            std::string_view prefix,
            std::int32_t unknown_id,
            std::size_t max_word_chars)
      : vocabulary_(std::move(vocabulary)),
        inside_(vocabulary_.walk(prefix)),
        unknown_id_(unknown_id),
        max_word_chars_(max_word_chars) {}

  /// Calls `piece(id, begin, end)` with byte ranges for every piece of a word that is not empty.
  /// Returns whether the pieces count: if not, they are void and the whole word is unknown_id().
  template <typename Sink>
  bool cut(std::string_view word, Sink piece) const {
    if (too_long(word)) return false;
    ByteTrie::Node from = ByteTrie::kRoot;
    for (std::size_t begin = 0; begin < word.size(); from = inside_) {
      if (from == ByteTrie::kNone) return false;
      const ByteTrie::Match match = vocabulary_.longest(word.substr(begin), from);
      if (match.length == 0) return false;
      piece(match.value, begin, begin + match.length);
      begin += match.length;
    }
    return true;
  }

  std::int32_t unknown_id() const { return unknown_id_; }

 private:
  bool too_long(std::string_view word) const {
    return word.size() > max_word_chars_ && config::count_code_points(word) > max_word_chars_;
  }

  ByteTrie vocabulary_;
  ByteTrie::Node inside_;
  std::int32_t unknown_id_;
  std::size_t max_word_chars_;
};

}  // namespace millrace::pipeline
