#include "worker/flow/completion_map.h"

#include <random>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace millrace::worker {
namespace {

CompletionMap sample() {
  CompletionMap map;
  for (std::size_t i = 0; i < map.worker.size(); ++i)
    map.worker[i] = static_cast<std::uint8_t>(i * 17);
  map.epoch = 300;
  map.unclean_starts = 2;
  map.base = 1'000'000;
  map.runs = {{1'000'000, 1'000'002}, {1'000'005, 1'000'900}, {5'000'000'000, 5'000'000'001}};
  return map;
}

TEST(CompletionMap, reads_back_as_it_was_written) {
  const auto read = decode_completion_map(encode(sample()));
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(*read, sample());
}

TEST(CompletionMap, is_base64_because_a_zero_byte_would_not_survive_the_broker) {
  for (const char c : encode(sample())) {
    EXPECT_TRUE(std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '+' || c == '/' ||
                c == '=' || c == '-' || c == '_')
        << c;
  }
}

TEST(CompletionMap, leaves_out_the_highest_runs_when_there_is_no_room) {
  CompletionMap map = sample();
  map.runs.clear();
  for (std::int64_t i = 0; i < 5000; ++i)
    map.runs.push_back({map.base + 3 * i + 1, map.base + 3 * i + 2});
  const std::string text = encode(map);
  EXPECT_LE(text.size(), kMaxCompletionMapChars);
  const auto read = decode_completion_map(text);
  ASSERT_TRUE(read);
  ASSERT_FALSE(read->runs.empty());
  for (std::size_t i = 0; i < read->runs.size(); ++i) EXPECT_EQ(read->runs[i], map.runs[i]);
  EXPECT_GT(read->runs.size(), 900U);
}

TEST(CompletionMap, a_damaged_one_is_refused_whatever_was_damaged) {
  const std::string text = encode(sample());
  std::mt19937 random(3);
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = text;
    const std::size_t at = random() % damaged.size();
    const char other = static_cast<char>(' ' + random() % 90);
    if (damaged[at] == other) continue;
    damaged[at] = other;
    const auto read = decode_completion_map(damaged);
    if (read) {
      EXPECT_EQ(*read, sample()) << "bit flip at " << at;
    }
  }
  EXPECT_FALSE(decode_completion_map("what somebody else wrote"));
  EXPECT_FALSE(decode_completion_map(text.substr(0, text.size() / 2)));
}

// The texts below were written by 20 lines of Python that know the layout in completion_map.cc and
// a bitwise CRC32C, checked against its published value for "123456789". All but the first differ
// from it in what their test says, and all have a correct checksum.
constexpr std::string_view kExample = "AQAAESIzRFVmd4iZqrvM3e7/rAICCwQCAwHpEn8v";

CompletionMap example() {
  CompletionMap map = sample();
  map.base = 11;
  map.runs = {{15, 17}, {20, 21}};
  return map;
}

TEST(CompletionMap, is_written_as_the_layout_says) { EXPECT_EQ(encode(example()), kExample); }

TEST(CompletionMap, reads_what_somebody_else_wrote_by_the_layout) {
  const auto read = decode_completion_map(kExample);
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(*read, example());
  const auto empty = decode_completion_map("AQAAESIzRFVmd4iZqrvM3e7/AAAF/rk3nw==");
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->base, 5);
  EXPECT_TRUE(empty->runs.empty());
}

TEST(CompletionMap, one_of_a_later_version_or_with_unknown_flags_is_told_apart_from_damage) {
  for (const std::string_view text :
       {"AgAAESIzRFVmd4iZqrvM3e7/rAICCwQCAwH4noxZ", "AQEAESIzRFVmd4iZqrvM3e7/rAICCwQCAwF02UsB"}) {
    const auto read = decode_completion_map(text);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, "NEWER_COMPLETION_MAP");
  }
}

TEST(CompletionMap, runs_that_make_no_sense_are_refused_although_their_checksum_is_right) {
  for (const std::string_view text :
       {"AQAAESIzRFVmd4iZqrvM3e7/AQALBAC2O/wU",                          // a run of no offsets
        "AQAAESIzRFVmd4iZqrvM3e7/AQALBAIAAeLpTTc=",                      // two runs that touch
        "AQAAESIzRFVmd4iZqrvM3e7/AQALBAIDUfnI8g==",                      // a run without a length
        "AQAAESIzRFVmd4iZqrvM3e7/AQCAgICAgICAgED//////////z8Bb+D5/Q==",  // an end past 2^63
        "AQAAESIzRFVmd4iZqrvM3e7/AQCAgICAgICAgECAgICAgICAgECAgICAgICAgECpfzrU"}) {  // past 2^63
    const auto read = decode_completion_map(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, "BAD_COMPLETION_MAP") << text;
  }
}

TEST(CompletionMap, every_prefix_of_one_is_refused) {
  for (std::size_t length = 0; length < kExample.size(); ++length) {
    EXPECT_FALSE(decode_completion_map(kExample.substr(0, length))) << length;
  }
}

TEST(CompletionMap, any_runs_come_back) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 500; ++round) {
    CompletionMap map;
    map.epoch = random() >> 1U;
    map.unclean_starts = random() % 5;
    map.base = static_cast<std::int64_t>(random() >> (2 + random() % 60));
    std::int64_t end = map.base;
    for (std::size_t i = random() % 20; i > 0; --i) {
      const auto first = end + 1 + static_cast<std::int64_t>(random() % 1000);
      end = first + 1 + static_cast<std::int64_t>(random() % 1000);
      map.runs.push_back({first, end});
    }
    const auto read = decode_completion_map(encode(map));
    ASSERT_TRUE(read) << "round " << round << ": " << read.error().text();
    ASSERT_EQ(*read, map) << "round " << round;
  }
}

}  // namespace
}  // namespace millrace::worker
