#include "config/base/utf8.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::config {
namespace {

TEST(Utf8, names_the_offset_of_the_first_invalid_sequence) {
  const std::vector<std::pair<std::string, std::optional<std::size_t>>> cases = {
      {"", std::nullopt},
      {"plain text of more than eight bytes", std::nullopt},
      {"\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80\x7F", std::nullopt},
      {"\xEF\xBF\xBF\xF4\x8F\xBF\xBF", std::nullopt},
      {"12345678\x80", 8},
      {"1234567\xC3", 7},
      {"\xC0\x80", 0},          // overlong NUL
      {"a\xE0\x9F\xBF", 1},     // overlong
      {"\xED\xA0\x80", 0},      // surrogate
      {"\xF0\x8F\xBF\xBF", 0},  // overlong
      {"\xF4\x90\x80\x80", 0},  // above U+10FFFF
      {"\xF5\x80\x80\x80", 0},
      {"ab\xE4\xB8", 2},  // cut
      {"\xE4\xB8\x41", 0},
      {"\xFF", 0},
  };

  for (const auto& [text, offset] : cases) EXPECT_EQ(invalid_utf8_at(text), offset) << text;
}

TEST(Utf8, every_scalar_value_survives_a_round_trip) {
  std::size_t wrong = 0;
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    append_utf8(c, text);
    const Decoded decoded = decode_utf8(text);
    const bool good = !invalid_utf8_at(text) && decoded.code_point == c &&
                      decoded.length == text.size() && count_code_points(text) == 1;
    wrong += good ? 0U : 1U;
  }
  EXPECT_EQ(wrong, 0U);
}

TEST(Utf8, counts_code_points) {
  EXPECT_EQ(count_code_points("a\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80"), 4U);
}

}  // namespace
}  // namespace millrace::config
