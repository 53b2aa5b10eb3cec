#include "config/base/utf8.h"

#include <cstring>

namespace millrace::config {
namespace {

std::uint8_t byte_at(std::string_view text, std::size_t i) {
  return static_cast<std::uint8_t>(text[i]);
}

bool is_continuation(std::string_view text, std::size_t i) {
  return i < text.size() && (byte_at(text, i) & 0xC0U) == 0x80U;
}

/// Returns the length of the valid multi-byte sequence at i, 0 for none. Table 3-7 of the Unicode
/// standard.
std::size_t sequence_length(std::string_view text, std::size_t i) {
  const std::uint8_t lead = byte_at(text, i);
  if (lead < 0xC2U) return 0;
  if (!is_continuation(text, i + 1)) return 0;
  if (lead < 0xE0U) return 2;
  const std::uint8_t second = byte_at(text, i + 1);
  if (!is_continuation(text, i + 2)) return 0;
  if (lead < 0xF0U) {
    if (lead == 0xE0U && second < 0xA0U) return 0;  // overlong
    if (lead == 0xEDU && second > 0x9FU) return 0;  // surrogate
    return 3;
  }
  if (lead > 0xF4U || !is_continuation(text, i + 3)) return 0;
  if (lead == 0xF0U && second < 0x90U) return 0;  // overlong
  if (lead == 0xF4U && second > 0x8FU) return 0;  // above U+10FFFF
  return 4;
}

}  // namespace

std::optional<std::size_t> invalid_utf8_at(std::string_view text) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080ULL;
  std::size_t i = 0;
  while (i < text.size()) {
    if (i + sizeof(std::uint64_t) <= text.size()) {
      std::uint64_t word = 0;
      std::memcpy(&word, text.data() + i, sizeof(word));
      if ((word & kHighBits) == 0) {
        i += sizeof(word);
        continue;
      }
    }
    if (byte_at(text, i) < 0x80U) {
      ++i;
      continue;
    }
    const std::size_t length = sequence_length(text, i);
    if (length == 0) return i;
    i += length;
  }
  return std::nullopt;
}

std::size_t count_code_points(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) {
    count += (static_cast<std::uint8_t>(c) & 0xC0U) != 0x80U ? 1U : 0U;
  }
  return count;
}

Decoded decode_utf8(std::string_view text) {
  const auto bits = [&](std::size_t i) { return static_cast<char32_t>(byte_at(text, i) & 0x3FU); };
  const auto lead = static_cast<char32_t>(byte_at(text, 0));
  if (lead < 0x80U) return {lead, 1};
  if (lead < 0xE0U) return {((lead & 0x1FU) << 6U) | bits(1), 2};
  if (lead < 0xF0U) return {((lead & 0x0FU) << 12U) | (bits(1) << 6U) | bits(2), 3};
  return {((lead & 0x07U) << 18U) | (bits(1) << 12U) | (bits(2) << 6U) | bits(3), 4};
}

void append_utf8(char32_t code_point, std::string& out) {
  const auto put = [&](char32_t byte) { out += static_cast<char>(byte); };
  if (code_point < 0x80U) {
    put(code_point);
  } else if (code_point < 0x800U) {
    put(0xC0U | (code_point >> 6U));
    put(0x80U | (code_point & 0x3FU));
  } else if (code_point < 0x10000U) {
    put(0xE0U | (code_point >> 12U));
    put(0x80U | ((code_point >> 6U) & 0x3FU));
    put(0x80U | (code_point & 0x3FU));
  } else {
    put(0xF0U | (code_point >> 18U));
    put(0x80U | ((code_point >> 12U) & 0x3FU));
    put(0x80U | ((code_point >> 6U) & 0x3FU));
    put(0x80U | (code_point & 0x3FU));
  }
}

}  // namespace millrace::config
