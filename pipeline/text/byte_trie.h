#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::pipeline {

/// Finds the longest key that a text begins with, one memory access a byte. Thread-safe: immutable.
///
/// A double array: the child of a node by a byte lies at `base ^ byte` and carries that byte as its
/// label. Every base belongs to one node, so a label that fits proves the child. Four bytes a node:
/// 22 bits base, end of key, 9 bits label.
class ByteTrie {
 public:
  using Node = std::uint32_t;
  static constexpr Node kRoot = 0;
  static constexpr Node kNone = 0xFFFFFFFF;

  struct Match {
    std::int32_t value = -1;
    std::size_t length = 0;  // bytes, 0: nothing matched
  };

  /// An empty trie: nothing matches.
  ByteTrie();

  /// Builds a trie. Keys are not empty and differ. Returns nothing when they need more than 4
  /// million nodes.
  static std::optional<ByteTrie> build(std::vector<std::pair<std::string_view, std::int32_t>> keys);

  /// Returns the longest key at the start of `text`, read from node `from` on.
  Match longest(std::string_view text, Node from = kRoot) const {
    const std::uint32_t* units = units_.data();
    std::uint32_t unit = units[from];
    std::size_t length = 0;
    Node last = kNone;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      const Node next = (unit >> kBaseShift) ^ byte;
      unit = units[next];
      if ((unit & kLabelMask) != byte) break;
      if ((unit & kEnd) != 0) {
        last = next;
        length = i + 1;
      }
    }
    return last == kNone ? Match{} : Match{values_[last], length};
  }

  /// Calls `found(value, length)` for every key that `text` begins with, the shortest first.
  template <typename Sink>
  void each_prefix(std::string_view text, Sink found) const {
    const std::uint32_t* units = units_.data();
    std::uint32_t unit = units[kRoot];
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      const Node next = (unit >> kBaseShift) ^ byte;
      unit = units[next];
      if ((unit & kLabelMask) != byte) return;
      if ((unit & kEnd) != 0) found(values_[next], i + 1);
    }
  }

  /// Returns the node that a text leads to, kNone where no key goes on like that.
  Node walk(std::string_view text, Node from = kRoot) const;

  /// Returns the value of exactly this key.
  std::optional<std::int32_t> find(std::string_view key) const;

 private:
  static constexpr std::uint32_t kLabelMask = 0x1FF;
  static constexpr std::uint32_t kUnused = 0x100;  // a label that no byte equals
  static constexpr std::uint32_t kEnd = 0x200;
  static constexpr std::uint32_t kBaseShift = 10;

  friend class ByteTrieBuilder;

  std::vector<std::uint32_t> units_;
  std::vector<std::int32_t> values_;
};

}  // namespace millrace::pipeline
