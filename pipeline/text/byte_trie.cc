#include "pipeline/text/byte_trie.h"

#include <algorithm>
#include <array>

namespace millrace::pipeline {
namespace {

constexpr std::size_t kBlock = 256;
constexpr std::size_t kMaxUnits = std::size_t{1} << 22;

// How many free places are tried for a node's children before a fresh block is taken. More saves
// memory, fewer saves time.
constexpr std::size_t kTries = 256;

using Key = std::pair<std::string_view, std::int32_t>;

}  // namespace

/// Places the nodes of a sorted list of keys, parents first.
class ByteTrieBuilder {
 public:
  explicit ByteTrieBuilder(std::vector<Key> keys) : keys_(std::move(keys)) {}

  std::optional<ByteTrie> build() {
    trie_.units_.clear();
    trie_.values_.clear();
    add_block();
    take(ByteTrie::kRoot);
    // Nodes without children keep base 0, so it must lead nowhere.
    base_taken_[0] = true;
    pending_.push_back({ByteTrie::kRoot, 0, keys_.size(), 0});
    while (!pending_.empty()) {
      const Span span = pending_.back();
      pending_.pop_back();
      if (!place_children(span)) return std::nullopt;
    }
    return std::move(trie_);
  }

 private:
  /// The keys begin … end share `depth` bytes, which lead to `node`.
  struct Span {
    ByteTrie::Node node;
    std::size_t begin;
    std::size_t end;
    std::size_t depth;
  };

  unsigned char byte_of(std::size_t key, std::size_t depth) const {
    return static_cast<unsigned char>(keys_[key].first[depth]);
  }

  bool place_children(Span span) {
    if (span.begin < span.end && keys_[span.begin].first.size() == span.depth) {
      trie_.units_[span.node] |= ByteTrie::kEnd;
      trie_.values_[span.node] = keys_[span.begin].second;
      ++span.begin;
    }
    if (span.begin == span.end) return true;
    std::vector<Span> children;
    std::vector<unsigned char> labels;
    for (std::size_t begin = span.begin; begin < span.end;) {
      const unsigned char label = byte_of(begin, span.depth);
      std::size_t end = begin + 1;
      while (end < span.end && byte_of(end, span.depth) == label) ++end;
      labels.push_back(label);
      children.push_back({0, begin, end, span.depth + 1});
      begin = end;
    }
    const std::size_t base = find_base(labels);
    if (trie_.units_.size() > kMaxUnits) return false;
    base_taken_[base] = true;
    trie_.units_[span.node] |= static_cast<std::uint32_t>(base) << ByteTrie::kBaseShift;
    for (std::size_t i = 0; i < children.size(); ++i) {
      children[i].node = static_cast<ByteTrie::Node>(base ^ labels[i]);
      take(children[i].node);
      trie_.units_[children[i].node] = labels[i];
    }
    pending_.insert(pending_.end(), children.rbegin(), children.rend());
    return true;
  }

  std::size_t find_base(const std::vector<unsigned char>& labels) {
    std::size_t tries = 0;
    for (std::size_t free = next_free_[kHead]; free != kHead && tries < kTries;
         free = next_free_[free], ++tries) {
      const std::size_t base = (free - 1) ^ labels[0];
      if (fits(base, labels)) return base;
    }
    const std::size_t block = trie_.units_.size();
    add_block();
    std::size_t base = block;
    while (!fits(base, labels)) ++base;
    return base;
  }

  bool fits(std::size_t base, const std::vector<unsigned char>& labels) const {
    if (base_taken_[base]) return false;
    return std::none_of(
        labels.begin(), labels.end(), [&](unsigned char label) { return taken_[base ^ label]; });
  }

  /// The free places form a ring through `next_free_` and `previous_free_`, shifted by one for its
  /// head. The newest block comes first: older blocks are full of places that were tried in vain.
  void add_block() {
    const std::size_t begin = trie_.units_.size();
    trie_.units_.resize(begin + kBlock, ByteTrie::kUnused);
    trie_.values_.resize(begin + kBlock, -1);
    taken_.resize(begin + kBlock, false);
    base_taken_.resize(begin + kBlock, false);
    next_free_.resize(begin + kBlock + 1, kHead);
    previous_free_.resize(begin + kBlock + 1, kHead);
    for (std::size_t place = begin + kBlock; place > begin; --place) {
      const std::size_t after = next_free_[kHead];
      next_free_[place] = after;
      previous_free_[after] = place;
      next_free_[kHead] = place;
      previous_free_[place] = kHead;
    }
  }

  void take(std::size_t unit) {
    taken_[unit] = true;
    const std::size_t place = unit + 1;
    next_free_[previous_free_[place]] = next_free_[place];
    previous_free_[next_free_[place]] = previous_free_[place];
  }

  static constexpr std::size_t kHead = 0;

  std::vector<Key> keys_;
  ByteTrie trie_;
  std::vector<Span> pending_;
  std::vector<bool> taken_;
  std::vector<bool> base_taken_;
  std::vector<std::size_t> next_free_{kHead};
  std::vector<std::size_t> previous_free_{kHead};
};

ByteTrie::ByteTrie() : units_(kBlock, kUnused), values_(kBlock, -1) {}

std::optional<ByteTrie> ByteTrie::build(std::vector<Key> keys) {
  std::sort(keys.begin(), keys.end());
  return ByteTrieBuilder(std::move(keys)).build();
}

ByteTrie::Node ByteTrie::walk(std::string_view text, Node from) const {
  Node node = from;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    node = (units_[node] >> kBaseShift) ^ byte;
    if ((units_[node] & kLabelMask) != byte) return kNone;
  }
  return node;
}

std::optional<std::int32_t> ByteTrie::find(std::string_view key) const {
  const Node node = walk(key);
  if (node == kNone || (units_[node] & kEnd) == 0) return std::nullopt;
  return values_[node];
}

}  // namespace millrace::pipeline
