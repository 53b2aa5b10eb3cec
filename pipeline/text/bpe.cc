#include "pipeline/text/bpe.h"

#include <functional>
#include <optional>
#include <queue>
#include <utility>

// The symbols of a word form a linked list; a heap holds the joins that are possible. A join that
// was overtaken by another is still in the heap, and is known by the pair that no longer gives its
// token.

namespace millrace::pipeline {
namespace {

// Words have at most as many bytes as a record.
using Place = std::uint32_t;

constexpr Place kEnd = static_cast<Place>(-1);

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

BpeMerges::BpeMerges(const std::vector<Merge>& merges) {
  joins_.reserve(merges.size());
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const Merge& merge = merges[rank];
    joins_[key(merge.left, merge.right)] = {static_cast<std::uint32_t>(rank), merge.joined};
  }
}

const BpeMerges::Join* BpeMerges::find(std::int32_t left, std::int32_t right) const {
  const auto found = joins_.find(key(left, right));
  return found != joins_.end() ? &found->second : nullptr;
}

void BpeMerges::join(std::vector<BpePiece>& pieces) const {
  std::vector<Symbol> symbols;
  symbols.reserve(pieces.size());
  for (Place i = 0; i < pieces.size(); ++i) {
    symbols.push_back(
        {pieces[i].id, false, i == 0 ? kEnd : i - 1, i + 1 == pieces.size() ? kEnd : i + 1});
  }
  std::vector<Candidate> first;
  const auto candidate = [&](Place at) -> std::optional<Candidate> {
    if (at == kEnd || symbols[at].after == kEnd) return std::nullopt;
    const Join* join = find(symbols[at].id, symbols[symbols[at].after].id);
    return join != nullptr ? std::optional(Candidate{join->rank, at, join->id}) : std::nullopt;
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
    const Join* join = find(left.id, right.id);
    if (join == nullptr || join->id != top.id) continue;
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
