#pragma once

#include "pipeline/text/bpe.h"
#include "pipeline/text/byte_trie.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::pipeline {

/// Cuts a word into the pieces whose scores sum to the most. Thread-safe. Takes time in proportion
/// to the bytes of a word and the longest piece.
///
/// A character that no piece covers is unknown; unknown ones in a row become one, or the tokens of
/// their bytes. Source: tokenizers 0.22.2, models/unigram/model.rs, encode_optimized.
class Unigram {
 public:
  struct Options {
    std::optional<std::int32_t> unknown_id;
    /// The tokens <0x00> to <0xFF>, where they stand in for what is unknown.
    std::optional<std::array<std::int32_t, 256>> byte_ids;
  };

  /// vocabulary: all pieces with their ids. scores: by id.
  Unigram(ByteTrie vocabulary, std::vector<double> scores, const Options& options);

  /// Overwrites `pieces` with those of a word of valid UTF-8 that is not empty. Pieces of bytes all
  /// end where their text does. Returns false when something is unknown and there is no token for
  /// it.
  bool cut(std::string_view word, std::vector<BpePiece>& pieces) const;

 private:
  struct Node {
    double score = 0;
    std::size_t begin = 0;
    std::int32_t id = kUnreached;
  };

  static constexpr std::int32_t kUnreached = -2;
  static constexpr std::int32_t kUnknown = -1;

  void find_best(std::string_view word, std::vector<Node>& ends) const;
  bool put_unknown(std::string_view text, std::size_t end, std::vector<BpePiece>& reversed) const;

  ByteTrie vocabulary_;
  std::vector<double> scores_;
  double unknown_score_;
  Options options_;
};

}  // namespace millrace::pipeline
