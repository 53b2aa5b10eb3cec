#include "pipeline/text/charsmap.h"

#include "config/base/utf8.h"
#include "pipeline/text/unicode.h"

#include <algorithm>
#include <span>

// A cluster of at most five bytes is looked up whole, and the shortest key that it begins with
// replaces all of it: what follows that key in the cluster is lost. Models are trained on texts
// that went the same way.

namespace millrace::pipeline {
namespace {

// Bytes; the longest of real maps has 33. Others would only serve to fill the memory.
constexpr std::size_t kLongestText = 256;

constexpr std::size_t kSmallCluster = 6;  // bytes, the first size that is not

std::uint32_t little_endian(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i)
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  return value;
}

// A unit: 31 bits value in a leaf; else 8 bits label, a flag for "a leaf follows" and the offset of
// the children, whose low byte is left out when it is large.
constexpr std::uint32_t kLabelMask = 0x800000FF;
constexpr std::uint32_t kHasLeaf = 0x100;
constexpr std::uint32_t kValueMask = 0x7FFFFFFF;

std::uint32_t offset(std::uint32_t unit) { return (unit >> 10U) << ((unit & 0x200U) >> 6U); }

void replace(std::size_t old_count, std::string_view with, std::vector<Change>& changes) {
  const std::size_t begin = changes.size();
  while (!with.empty()) {
    const config::Decoded next = config::decode_utf8(with);
    changes.push_back({next.code_point, changes.size() - begin < old_count ? 0 : 1});
    with.remove_prefix(next.length);
  }
  const std::size_t count = changes.size() - begin;
  if (count < old_count && !changes.empty())
    changes.back().steps -= static_cast<std::ptrdiff_t>(old_count - count);
}

}  // namespace

std::optional<Charsmap> Charsmap::read(std::string_view bytes) {
  if (bytes.size() < 4) return std::nullopt;
  const std::size_t size = little_endian(bytes, 0);
  if (size % 4 != 0 || size == 0 || size > bytes.size() - 4) return std::nullopt;
  Charsmap map;
  for (std::size_t at = 4; at < 4 + size; at += 4) map.units_.push_back(little_endian(bytes, at));
  map.texts_ = bytes.substr(4 + size);
  if (config::invalid_utf8_at(map.texts_)) return std::nullopt;
  for (std::size_t at = 0; at < map.texts_.size();) {
    const std::size_t end = std::min(map.texts_.find('\0', at), map.texts_.size());
    if (end - at > kLongestText) return std::nullopt;
    at = end + 1;
  }
  return map;
}

std::optional<std::string_view> Charsmap::find(std::string_view key) const {
  std::size_t node = offset(units_[0]);
  for (const char c : key) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0) break;
    node ^= byte;
    if (node >= units_.size()) break;
    const std::uint32_t unit = units_[node];
    if ((unit & kLabelMask) != byte) break;
    node ^= offset(unit);
    if ((unit & kHasLeaf) == 0) continue;
    if (node >= units_.size()) break;
    const std::size_t place = units_[node] & kValueMask;
    if (place >= texts_.size()) return std::string_view();
    return std::string_view(texts_).substr(place, texts_.find('\0', place) - place);
  }
  return std::nullopt;
}

void Charsmap::apply(SourcedText& text) const {
  const std::span<const Sourced> all(text);
  std::vector<Change> changes;
  changes.reserve(text.size());
  bool modified = false;
  std::string key;
  for (std::size_t at = 0; at < all.size();) {
    const bool plain = all[at].code_point < 0x80 && all[at].code_point != U'\r' &&
                       (at + 1 == all.size() || all[at + 1].code_point < 0x80);
    const std::size_t length = plain ? 1 : unicode::grapheme_length(all.subspan(at));
    key.clear();
    for (std::size_t i = 0; i < length && key.size() < kSmallCluster; ++i)
      config::append_utf8(all[at + i].code_point, key);
    if (key.size() < kSmallCluster) {
      if (const auto found = find(key)) {
        replace(length, *found, changes);
        modified = true;
        at += length;
        continue;
      }
    }
    for (const std::size_t end = at + length; at < end; ++at) {
      key.clear();
      config::append_utf8(all[at].code_point, key);
      if (const auto found = find(key)) {
        replace(1, *found, changes);
        modified = true;
      } else {
        changes.push_back({all[at].code_point, 0});
      }
    }
  }
  if (modified) text = changed(text, changes);
}

}  // namespace millrace::pipeline
