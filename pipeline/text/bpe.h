#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace millrace::pipeline {

/// A piece of a word: its id and where it ends in the bytes of the word.
struct BpePiece {
  std::int32_t id = -1;
  std::size_t end = 0;
};

/// Joins the symbols of a word pair by pair, the pair of the lowest rank first and of equal ones
/// the leftmost. Thread-safe. Takes n log n for n symbols; a word of everyday length takes no
/// memory.
///
/// Source: tokenizers 0.22.2, models/bpe/word.rs, merge_all.
class BpeMerges {
 public:
  struct Merge {
    std::int32_t left;
    std::int32_t right;
    std::int32_t joined;
  };

  /// The rank of each is its place; of equal pairs the last counts.
  explicit BpeMerges(const std::vector<Merge>& merges);

  /// Overwrites `pieces`, which hold the symbols of a word, with what they join to.
  void join(std::vector<BpePiece>& pieces) const;

 private:
  static constexpr std::uint32_t kNoRank = static_cast<std::uint32_t>(-1);

  /// What two neighbours join to; kNoRank: they do not.
  struct Join {
    std::uint32_t rank = kNoRank;
    std::int32_t id = -1;
  };

  /// A place of the table: open addressing, a free place has no rank.
  struct Slot {
    std::uint64_t key = 0;
    Join join;
  };

  std::size_t place_of(std::uint64_t key) const;
  Join find(std::int32_t left, std::int32_t right) const;
  void join_few(std::vector<BpePiece>& pieces) const;
  void join_many(std::vector<BpePiece>& pieces) const;

  std::vector<Slot> slots_;  // a power of two of them, at most half taken
  unsigned shift_ = 0;
};

/// Byte-level BPE: a word is cut into its bytes, and these are joined. Thread-safe.
class Bpe {
 public:
  using Merge = BpeMerges::Merge;

  /// byte_ids: the token of each byte. whole_words: words that are not cut at all.
  Bpe(const std::array<std::int32_t, 256>& byte_ids,
      const std::vector<Merge>& merges,
      std::unordered_map<std::string, std::int32_t> whole_words)
      : byte_ids_(byte_ids), merges_(merges), whole_words_(std::move(whole_words)) {}

  /// Overwrites `pieces` with those of a word that is not empty.
  void cut(std::string_view word, std::vector<BpePiece>& pieces) const;

 private:
  std::array<std::int32_t, 256> byte_ids_;
  BpeMerges merges_;
  std::unordered_map<std::string, std::int32_t> whole_words_;
};

}  // namespace millrace::pipeline
