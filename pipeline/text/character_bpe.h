#pragma once

#include "pipeline/text/bpe.h"

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace millrace::pipeline {

/// BPE over characters: a word is cut into its characters, and these are joined. Thread-safe.
///
/// Source: tokenizers 0.22.2, models/bpe/model.rs, merge_word.
class CharacterBpe {
 public:
  struct Options {
    std::string prefix;  // of a piece inside of a word
    std::string suffix;  // of the last piece of a word
    /// Stands for a character that is in no piece; none: such a character is left out, and the
    /// places of what follows move forward, as in the reference.
    std::optional<std::string> unknown_token;
    bool fuses_unknown = false;        // unknown characters in a row are one
    bool falls_back_to_bytes = false;  // <0x00> to <0xFF> stand for the bytes of a character
    bool knows_words = false;          // a word that is a token is not cut
  };

  using Vocabulary = std::map<std::string, std::int32_t, std::less<>>;

  CharacterBpe(const Vocabulary& vocabulary,
               const std::vector<BpeMerges::Merge>& merges,
               const Options& options);

  /// Overwrites `pieces` with those of a word of valid UTF-8 that is not empty. Returns false when
  /// something is unknown and the vocabulary lacks the unknown token.
  bool cut(std::string_view word, std::vector<BpePiece>& pieces) const;

 private:
  enum Place : std::uint8_t { whole, begins, inside, ends };

  using Characters = std::unordered_map<char32_t, std::int32_t>;

  bool put_bytes(std::string_view character, std::size_t& end, std::vector<BpePiece>& pieces) const;

  std::array<Characters, 4> characters_;   // by place
  std::array<std::int32_t, 256> bytes_{};  // -1: none
  BpeMerges merges_;
  std::unordered_map<std::string, std::int32_t> words_;
  std::optional<std::int32_t> unknown_id_;
  bool names_unknown_;
  bool fuses_unknown_;
  bool falls_back_to_bytes_;
};

}  // namespace millrace::pipeline
