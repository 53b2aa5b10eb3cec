#include "pipeline/text/normalizer.h"

#include "config/base/utf8.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::pipeline {
namespace {

constexpr NormalizerOptions kUncased{
    .clean_text = true, .handle_chinese_chars = true, .strip_accents = true, .lowercase = true};

struct Outcome {
  std::string text;
  std::vector<std::uint32_t> origin;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome outcome(const Normalized& normalized) {
  return {std::string(normalized.view()),
          {normalized.origin.begin(),
           normalized.origin.begin() + static_cast<std::ptrdiff_t>(normalized.size)}};
}

Outcome normalize(const Normalizer& normalizer, std::string_view text) {
  Normalized out;
  normalizer.normalize(text, 0, Origins::track, out);
  return outcome(out);
}

Outcome in_steps(const Normalizer& normalizer, std::string_view text) {
  Normalized out;
  normalizer.normalize_in_steps(text, 0, out);
  return outcome(out);
}

TEST(Normalizer, lowers_strips_and_keeps_where_each_byte_came_from) {
  const Normalizer normalizer(kUncased);

  const Outcome found = normalize(normalizer, "\u00C9\u0301A\u4E2D");

  EXPECT_EQ(found.text, "ea \u4E2D ");
  EXPECT_EQ(found.origin, (std::vector<std::uint32_t>{0, 2, 3, 3, 3, 3, 3}));
}

TEST(Normalizer, numbers_origins_from_the_code_point_it_is_told) {
  const Normalizer normalizer(kUncased);
  Normalized out;

  normalizer.normalize("\u00E9x", 40, Origins::track, out);

  EXPECT_EQ(outcome(out), (Outcome{"ex", {40, 41}}));
}

TEST(Normalizer, dotted_capital_i_becomes_two_code_points) {
  const Normalizer normalizer({.lowercase = true});

  EXPECT_EQ(normalize(normalizer, "\u0130"), (Outcome{"i\u0307", {0, 0, 0}}));
}

TEST(Normalizer, a_final_sigma_is_like_any_other) {
  const Normalizer normalizer({.lowercase = true});

  EXPECT_EQ(normalize(normalizer, "\u03A3\u03A3").text, "\u03C3\u03C3");
}

TEST(Normalizer, a_mark_that_stays_is_put_into_canonical_order) {
  const Normalizer normalizer(kUncased);

  // U+0301 has class 230 and goes; U+302E has class 224 and stays, with the place of the first
  // mark.
  EXPECT_EQ(normalize(normalizer, "a\u0301\u302E"), (Outcome{"a\u302E", {0, 1, 1, 1}}));
}

TEST(Normalizer, nothing_changes_when_all_is_off) {
  const Normalizer normalizer(NormalizerOptions{});
  const std::string text("\x00\u00C9 \u4E2D\t\uFFFD", 11);

  EXPECT_EQ(normalize(normalizer, text).text, text);
}

TEST(Normalizer, the_table_says_what_the_steps_say_for_every_code_point) {
  std::size_t wrong = 0;
  for (const bool clean : {false, true}) {
    for (const bool strip : {false, true}) {
      const Normalizer normalizer({clean, clean, strip, !clean || strip});
      for (char32_t c = 0; c <= 0x10FFFF; ++c) {
        if (c >= 0xD800 && c <= 0xDFFF) continue;
        std::string text = "a";
        config::append_utf8(c, text);
        text += 'B';
        wrong += normalize(normalizer, text) != in_steps(normalizer, text) ? 1 : 0;
      }
    }
  }
  EXPECT_EQ(wrong, 0U);
}

}  // namespace
}  // namespace millrace::pipeline
