#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::config {

/// Returns the byte offset of the first invalid sequence, nothing for valid UTF-8. Surrogates,
/// overlong forms and values above U+10FFFF are invalid. ASCII runs are checked eight bytes at a
/// time.
std::optional<std::size_t> invalid_utf8_at(std::string_view text);

/// Counts code points of valid UTF-8.
std::size_t count_code_points(std::string_view text);

struct Decoded {
  char32_t code_point;
  std::uint8_t length;  // bytes
};

/// Decodes the code point at the start of valid, non-empty UTF-8.
Decoded decode_utf8(std::string_view text);

/// Appends one code point. Requires a scalar value.
void append_utf8(char32_t code_point, std::string& out);

}  // namespace millrace::config
