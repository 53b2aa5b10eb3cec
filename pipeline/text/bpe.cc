#include "pipeline/text/bpe.h"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <optional>
#include <queue>
#include <utility>

// A word of few symbols: arrays of symbols and of the joins between neighbours, searched from end
// to end for each join. Of many: the symbols form a linked list, and a heap holds the joins that
// are possible; one that was overtaken by another is still in the heap, and is known by the pair
// that no longer gives its token.

namespace millrace::pipeline {
namespace {

// Words have at most as many bytes as a record.
using Place = std::uint32_t;

constexpr Place kEnd = static_cast<Place>(-1);
constexpr std::size_t kFew = 48;  // symbols; searching them all for each join is then faster

struct Symbol {
  std::int32_t id;
  bool joined;  // to the one before
  Place before;
  Place after;
};

struct Candidate {
  std::uint32_t rank;
  Place at;
  std::int32_t id;

  bool operator>(const Candidate& other) const {
    return std::pair(rank, at) > std::pair(other.rank, other.at);
  }
};

std::uint64_t key(std::int32_t left, std::int32_t right) {
  return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32U) |
         static_cast<std::uint32_t>(right);
}

}  // namespace

BpeMerges::BpeMerges(const std::vector<Merge>& merges)
    : slots_(std::bit_ceil(2 * merges.size() + 2)),
      shift_(64U - static_cast<unsigned>(std::countr_zero(slots_.size()))) {
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const Merge& merge = merges[rank];
    const std::uint64_t pair = key(merge.left, merge.right);
    slots_[place_of(pair)] = {pair, {static_cast<std::uint32_t>(rank), merge.joined}};
  }
}

/// Returns the place of a pair: its own, or the free one where it would stand.
std::size_t BpeMerges::place_of(std::uint64_t pair) const {
  // Fibonacci hashing: the upper bits of the product depend on all bits of the pair.
  std::size_t place = (pair * 0x9E3779B97F4A7C15U) >> shift_;
  while (slots_[place].join.rank != kNoRank && slots_[place].key != pair)
    place = (place + 1) & (slots_.size() - 1);
  return place;
}

BpeMerges::Join BpeMerges::find(std::int32_t left, std::int32_t right) const {
  return slots_[place_of(key(left, right))].join;
}

void BpeMerges::join(std::vector<BpePiece>& pieces) const {
  if (pieces.size() <= kFew) {
    join_few(pieces);
  } else {
    join_many(pieces);
  }
}

void BpeMerges::join_few(std::vector<BpePiece>& pieces) const {
  std::array<Join, kFew> joins;  // of a piece and the next one
  std::size_t count = pieces.size();
  for (std::size_t i = 0; i + 1 < count; ++i) joins[i] = find(pieces[i].id, pieces[i + 1].id);
  while (count > 1) {
    const auto last = joins.begin() + static_cast<std::ptrdiff_t>(count - 1);
    const auto best = std::min_element(
        joins.begin(), last, [](const Join& a, const Join& b) { return a.rank < b.rank; });
    if (best->rank == kNoRank) break;
    const auto at = static_cast<std::size_t>(best - joins.begin());
    pieces[at] = {best->id, pieces[at + 1].end};
    --count;
    for (std::size_t i = at + 1; i < count; ++i) pieces[i] = pieces[i + 1];
    for (std::size_t i = at; i + 1 < count; ++i) joins[i] = joins[i + 1];
    if (at > 0) joins[at - 1] = find(pieces[at - 1].id, pieces[at].id);
    if (at + 1 < count) joins[at] = find(pieces[at].id, pieces[at + 1].id);
  }
  pieces.resize(count);
}

void BpeMerges::join_many(std::vector<BpePiece>& pieces) const {
  std::vector<Symbol> symbols;
  symbols.reserve(pieces.size());
  for (Place i = 0; i < pieces.size(); ++i) {
    symbols.push_back(
        {pieces[i].id, false, i == 0 ? kEnd : i - 1, i + 1 == pieces.size() ? kEnd : i + 1});
  }
  std::vector<Candidate> first;
  const auto candidate = [&](Place at) -> std::optional<Candidate> {
    if (at == kEnd || symbols[at].after == kEnd) return std::nullopt;
    const Join join = find(symbols[at].id, symbols[symbols[at].after].id);
    if (join.rank == kNoRank) return std::nullopt;
    return Candidate{join.rank, at, join.id};
  };
  for (Place i = 0; i < symbols.size(); ++i) {
    if (const auto found = candidate(i)) first.push_back(*found);
  }
  std::priority_queue open(std::greater<>(), std::move(first));
  const auto offer = [&](Place at) {
    if (const auto found = candidate(at)) open.push(*found);
  };
  while (!open.empty()) {
    const Candidate top = open.top();
    open.pop();
    Symbol& left = symbols[top.at];
    if (left.joined || left.after == kEnd) continue;
    Symbol& right = symbols[left.after];
    const Join join = find(left.id, right.id);
    if (join.rank == kNoRank || join.id != top.id) continue;
    left.id = top.id;
    pieces[top.at].end = pieces[left.after].end;
    right.joined = true;
    left.after = right.after;
    if (left.after != kEnd) symbols[left.after].before = top.at;
    offer(left.before);
    offer(top.at);
  }
  std::size_t kept = 0;
  for (Place i = 0; i < symbols.size(); ++i) {
    if (!symbols[i].joined) pieces[kept++] = {symbols[i].id, pieces[i].end};
  }
  pieces.resize(kept);
}

void Bpe::cut(std::string_view word, std::vector<BpePiece>& pieces) const {
  pieces.clear();
  if (!whole_words_.empty()) {
    if (const auto found = whole_words_.find(std::string(word)); found != whole_words_.end()) {
      pieces.push_back({found->second, word.size()});
      return;
    }
  }
  for (std::size_t i = 0; i < word.size(); ++i)
    pieces.push_back({byte_ids_[static_cast<unsigned char>(word[i])], i + 1});
  merges_.join(pieces);
}

}  // namespace millrace::pipeline
