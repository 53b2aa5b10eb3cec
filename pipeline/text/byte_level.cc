#include "pipeline/text/byte_level.h"

#include "config/base/utf8.h"

#include <array>

namespace millrace::pipeline {
namespace {

// Bytes that have no character of their own take the next free one from here on.
constexpr char32_t kFirstSubstitute = 0x100;

constexpr bool is_printable(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr std::array<char32_t, 256> make_characters() {
  std::array<char32_t, 256> characters{};
  char32_t next = kFirstSubstitute;
  for (unsigned byte = 0; byte < characters.size(); ++byte) {
    characters[byte] = is_printable(byte) ? static_cast<char32_t>(byte) : next++;
  }
  return characters;
}

constexpr std::array<char32_t, 256> kCharacters = make_characters();

// One above the last substitute.
constexpr std::size_t kCharacterCount = 0x144;

constexpr std::array<std::int16_t, kCharacterCount> make_bytes() {
  std::array<std::int16_t, kCharacterCount> bytes{};
  for (auto& byte : bytes) byte = -1;
  for (std::size_t byte = 0; byte < kCharacters.size(); ++byte) {
    bytes[kCharacters[byte]] = static_cast<std::int16_t>(byte);
  }
  return bytes;
}

constexpr std::array<std::int16_t, kCharacterCount> kBytes = make_bytes();

}  // namespace

char32_t byte_character(std::uint8_t byte) { return kCharacters[byte]; }

std::optional<std::string> bytes_of_characters(std::string_view token) {
  std::string bytes;
  while (!token.empty()) {
    const config::Decoded next = config::decode_utf8(token);
    if (next.code_point >= kBytes.size() || kBytes[next.code_point] < 0) return std::nullopt;
    bytes += static_cast<char>(kBytes[next.code_point]);
    token.remove_prefix(next.length);
  }
  return bytes;
}

}  // namespace millrace::pipeline
