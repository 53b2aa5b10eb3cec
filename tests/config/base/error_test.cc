#include "config/base/error.h"

#include "config/base/limits.h"
#include "config/base/result.h"
#include "config/base/utf8.h"

#include <string>

#include <gtest/gtest.h>

namespace millrace::config {
namespace {

TEST(Error, kind_decides_what_happens) {
  EXPECT_EQ(disposition(Errc::invalid_input), Disposition::dead_letter);
  EXPECT_EQ(disposition(Errc::unsupported), Disposition::dead_letter);
  EXPECT_EQ(disposition(Errc::resource_exhausted), Disposition::split);
  EXPECT_EQ(disposition(Errc::unavailable), Disposition::retry);
  EXPECT_EQ(disposition(Errc::fenced), Disposition::stop);
  EXPECT_EQ(disposition(Errc::internal), Disposition::stop);
  EXPECT_EQ(name(Errc::guarantee_broken), "guarantee_broken");
}

TEST(Error, codes_explain_themselves) {
  EXPECT_EQ(explain_code("BAD_JSON"), "The text is not one RFC 8259 document.");
  EXPECT_EQ(explain_code("NO_SUCH_CODE"), "");
}

TEST(Error, text_is_one_line_without_tricks) {
  const Error bad =
      error(Errc::invalid_input, "BAD_JSON", "a\nb\tc\x1b[31m \u202Eevil \xFF caf\u00e9");

  EXPECT_EQ(bad.text(), "BAD_JSON a\\nb\\tc\\u001b[31m \\u202eevil \\xff caf\u00e9");
}

TEST(Error, text_is_cut_on_a_code_point_border) {
  std::string message;
  for (int i = 0; i < 400; ++i) message += "\u4e2d";

  const std::string text = error(Errc::invalid_input, "BAD_JSON", message).text();

  EXPECT_LE(text.size(), kMaxErrorBytes);
  EXPECT_GT(text.size(), kMaxErrorBytes - 6);
  EXPECT_FALSE(invalid_utf8_at(text));
  EXPECT_EQ(text.substr(text.size() - 3), "…");
}

TEST(Error, short_text_is_not_cut) {
  EXPECT_EQ(escape_line("1234", 4), "1234");
  EXPECT_EQ(escape_line("12345", 4), "1…");
  EXPECT_EQ(escape_line("12345", 2), "");
}

TEST(Result, reading_the_wrong_side_is_a_bug) {
  Result<int> good = 1;
  Result<int> bad = error(Errc::internal, "BAD_JSON", "x");

  EXPECT_EQ(*good, 1);
  EXPECT_THROW(static_cast<void>(good.error()), Bug);
  EXPECT_THROW(static_cast<void>(bad.value()), Bug);
  EXPECT_EQ(std::move(bad).value_or(7), 7);
}

TEST(Limits, every_row_is_complete_and_within_its_hard_maximum) {
  for (const Limit& limit : limits()) {
    EXPECT_LE(limit.value, limit.hard_max) << limit.name;
    EXPECT_FALSE(limit.unit.empty()) << limit.name;
    EXPECT_FALSE(limit.reason.empty()) << limit.name;
  }
  EXPECT_GE(limits().size(), 20U);
}

}  // namespace
}  // namespace millrace::config
