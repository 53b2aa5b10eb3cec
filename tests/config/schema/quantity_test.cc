#include "config/schema/quantity.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::config {
namespace {

using std::chrono::milliseconds;

TEST(Duration, is_read_with_its_unit_and_printed_back) {
  const std::vector<std::tuple<std::string, std::int64_t, std::string>> cases = {
      {"0", 0, "0ms"},
      {"25ms", 25, "25ms"},
      {"1s", 1000, "1s"},
      {"1.5s", 1500, "1500ms"},
      {"2m", 120000, "2m"},
      {"90s", 90000, "90s"},
      {"1h", 3600000, "1h"},
      {"7d", 604800000, "7d"},
      {"0.25s", 250, "250ms"}};

  for (const auto& [text, ms, printed] : cases) {
    const auto duration = parse_duration(text);
    ASSERT_TRUE(duration) << text;
    EXPECT_EQ(duration->count(), ms) << text;
    EXPECT_EQ(to_string(*duration), printed);
    EXPECT_EQ(*parse_duration(printed), *duration);
  }
}

TEST(Duration, is_refused_without_sense) {
  for (const char* text : {"",
                           "25",
                           "ms",
                           "-1s",
                           "1 s",
                           "1S",
                           "1us",
                           "1e3s",
                           "1s2",
                           "1..5s",
                           "0.5ms",
                           "99999999999999999d",
                           "+1s",
                           "nan",
                           "infs"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
  EXPECT_EQ(parse_duration("0.0005s").error().message,
            "expected a duration in whole milliseconds, found '0.0005s'");
}

TEST(ByteSize, is_read_with_either_unit_and_printed_back) {
  const std::vector<std::tuple<std::string, std::size_t, std::string>> cases = {
      {"0", 0, "0"},
      {"512", 512, "512"},
      {"512B", 512, "512"},
      {"64KiB", 65536, "64KiB"},
      {"1MiB", 1048576, "1MiB"},
      {"1MB", 1000000, "1000000"},
      {"1.5KiB", 1536, "1536"},
      {"2GiB", 2147483648, "2GiB"},
      {"1kB", 1000, "1000"},
      {"1TiB", 1099511627776, "1TiB"}};

  for (const auto& [text, bytes, printed] : cases) {
    const auto size = parse_byte_size(text);
    ASSERT_TRUE(size) << text;
    EXPECT_EQ(size->bytes, bytes) << text;
    EXPECT_EQ(to_string(*size), printed);
    EXPECT_EQ(*parse_byte_size(printed), *size);
  }
  for (const char* text : {"", "KiB", "-1", "1Mb", "1 MiB", "1.5", "99999999TiB", "0x10"}) {
    EXPECT_FALSE(parse_byte_size(text)) << text;
  }
}

TEST(Rate, is_counted_per_second) {
  EXPECT_EQ(parse_rate("100/s")->per_second, 100.0);
  EXPECT_EQ(parse_rate("6000/m")->per_second, 100.0);
  EXPECT_EQ(parse_rate("1800/h")->per_second, 0.5);
  EXPECT_EQ(to_string(Rate{0.5}), "0.5/s");
  EXPECT_FALSE(parse_rate("100"));
  EXPECT_FALSE(parse_rate("100/x"));
}

TEST(Integer, is_plain_decimal) {
  EXPECT_EQ(*parse_integer("-12"), -12);
  EXPECT_EQ(*parse_integer("0"), 0);
  for (const char* text :
       {"", "-", "+1", "010", "-01", "1_000", "1e3", "0x10", "1.0", " 1", "9223372036854775808"}) {
    EXPECT_FALSE(parse_integer(text)) << text;
  }
}

TEST(Number, is_finite) {
  EXPECT_EQ(*parse_number("1e3"), 1000.0);
  EXPECT_EQ(*parse_number("-0.5"), -0.5);
  for (const char* text : {"", "nan", "inf", "1e999", "1,5", "1.5x"})
    EXPECT_FALSE(parse_number(text)) << text;
}

}  // namespace
}  // namespace millrace::config
