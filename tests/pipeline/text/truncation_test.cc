#include "pipeline/text/truncation.h"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::pipeline {
namespace {

using Strategy = Truncation::Strategy;
using Side = Truncation::Side;

std::vector<Window> first_windows(std::size_t tokens, const Truncation& truncation) {
  return truncate(tokens, std::nullopt, 0, truncation).value().first;
}

TEST(Truncation, windows_repeat_the_stride_and_reach_the_end) {
  EXPECT_EQ(first_windows(7, {.max_length = 4, .stride = 2}),
            (std::vector<Window>{{0, 4}, {2, 6}, {4, 7}}));
  EXPECT_EQ(first_windows(8, {.max_length = 4}), (std::vector<Window>{{0, 4}, {4, 8}}));
}

TEST(Truncation, left_windows_begin_at_the_end) {
  EXPECT_EQ(first_windows(7, {.max_length = 4, .stride = 2, .side = Side::left}),
            (std::vector<Window>{{3, 7}, {1, 5}, {0, 3}}));
}

TEST(Truncation, what_fits_stays_whole) {
  EXPECT_EQ(first_windows(4, {.max_length = 4}), (std::vector<Window>{{0, 4}}));
  EXPECT_FALSE(truncate(2, 2, 0, {.max_length = 4}).value().truncated());
}

TEST(Truncation, longest_first_keeps_the_shorter_text_when_it_fits) {
  const auto windows = truncate(2, 20, 3, {.max_length = 13}).value();

  EXPECT_EQ(windows.first.front().size(), 2U);
  EXPECT_EQ(windows.second.front().size(), 8U);
}

TEST(Truncation, longest_first_halves_two_long_texts_and_gives_the_odd_token_to_the_longer) {
  const auto windows = truncate(30, 20, 3, {.max_length = 14}).value();

  EXPECT_EQ(windows.first.front().size(), 6U);
  EXPECT_EQ(windows.second.front().size(), 5U);
}

TEST(Truncation, refuses_windows_that_would_repeat_a_long_text_too_often) {
  const auto many = truncate(100'000, std::nullopt, 0, {.max_length = 384, .stride = 383});
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().code, "BAD_TRUNCATION");
  EXPECT_TRUE(truncate(100'000, std::nullopt, 0, {.max_length = 384, .stride = 128}));
  EXPECT_TRUE(truncate(2'000'000, std::nullopt, 0, {.max_length = 384}));
  EXPECT_TRUE(truncate(1000, std::nullopt, 0, {.max_length = 384, .stride = 383}));
}

TEST(Truncation, refuses_what_leaves_no_room) {
  const auto code = [](const auto& result) { return result ? std::string() : result.error().code; };

  EXPECT_EQ(code(truncate(9, std::nullopt, 2, {.max_length = 1})), "BAD_TRUNCATION");
  EXPECT_EQ(code(truncate(9, std::nullopt, 2, {.max_length = 5, .stride = 3})), "BAD_TRUNCATION");
  EXPECT_EQ(
      code(truncate(9, std::nullopt, 0, {.max_length = 5, .strategy = Strategy::only_second})),
      "BAD_TRUNCATION");
  EXPECT_EQ(code(truncate(3, 9, 0, {.max_length = 5, .strategy = Strategy::only_first})),
            "BAD_TRUNCATION");
  EXPECT_EQ(code(truncate(3, 9, 0, {.max_length = 5, .strategy = Strategy::only_second})), "");
}

TEST(Truncation, names_the_window_and_the_stride_that_do_not_go_together) {
  const auto refused = truncate(9, std::nullopt, 2, {.max_length = 5, .stride = 3});

  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("expected less than 3 tokens, found 3"),
            std::string::npos);
}

TEST(Truncation, an_unlimited_length_cuts_nothing) {
  EXPECT_FALSE(truncate(1'000'000, 1'000'000, 3, Truncation{}).value().truncated());
}

}  // namespace
}  // namespace millrace::pipeline
