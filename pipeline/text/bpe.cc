#include "pipeline/text/bpe.h"

#include <functional>
#include <queue>
#include <utility>

// The symbols of a word form a linked list; a heap holds the joins that are possible. A join that
// was overtaken by another is still in the heap, and is known by the pair that no longer gives its
// token.

namespace millrace::pipeline {
namespace {

constexpr std::size_t kEnd = static_cast<std::size_t>(-1);

struct Symbol {
  std::int32_t id;
  std::size_t end;  // byte; 0: joined to the one before
  std::size_t before;
  std::size_t after;
};

struct Candidate {
  std::uint32_t rank;
  std::size_t at;
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

Bpe::Bpe(const std::array<std::int32_t, 256>& byte_ids,
         const std::vector<Merge>& merges,
         std::unordered_map<std::string, std::int32_t> whole_words)
    : byte_ids_(byte_ids), whole_words_(std::move(whole_words)) {
  joins_.reserve(merges.size());
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const Merge& merge = merges[rank];
    joins_[key(merge.left, merge.right)] = {static_cast<std::uint32_t>(rank), merge.joined};
  }
}

const Bpe::Join* Bpe::find(std::int32_t left, std::int32_t right) const {
  const auto found = joins_.find(key(left, right));
  return found != joins_.end() ? &found->second : nullptr;
}

void Bpe::cut(std::string_view word, std::vector<BpePiece>& pieces) const {
  pieces.clear();
  if (!whole_words_.empty()) {
    if (const auto found = whole_words_.find(std::string(word)); found != whole_words_.end()) {
      pieces.push_back({found->second, word.size()});
      return;
    }
  }
  std::vector<Symbol> symbols;
  symbols.reserve(word.size());
  for (std::size_t i = 0; i < word.size(); ++i) {
    symbols.push_back({byte_ids_[static_cast<unsigned char>(word[i])],
                       i + 1,
                       i == 0 ? kEnd : i - 1,
                       i + 1 == word.size() ? kEnd : i + 1});
  }
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> open;
  const auto offer = [&](std::size_t at) {
    if (at == kEnd || symbols[at].after == kEnd) return;
    if (const Join* join = find(symbols[at].id, symbols[symbols[at].after].id))
      open.push({join->rank, at, join->id});
  };
  for (std::size_t i = 0; i < symbols.size(); ++i) offer(i);
  while (!open.empty()) {
    const Candidate top = open.top();
    open.pop();
    Symbol& left = symbols[top.at];
    if (left.end == 0 || left.after == kEnd) continue;
    Symbol& right = symbols[left.after];
    const Join* join = find(left.id, right.id);
    if (join == nullptr || join->id != top.id) continue;
    left.id = top.id;
    left.end = right.end;
    right.end = 0;
    left.after = right.after;
    if (left.after != kEnd) symbols[left.after].before = top.at;
    offer(left.before);
    offer(top.at);
  }
  for (std::size_t i = 0; i != kEnd; i = symbols[i].after) {
    pieces.push_back({symbols[i].id, symbols[i].end});
  }
}

}  // namespace millrace::pipeline
