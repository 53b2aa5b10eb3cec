#include "pipeline/tasks/answer_spans.h"

#include <cmath>

#include <gtest/gtest.h>

namespace millrace::pipeline {
namespace {

/// start and end logits, one pair a token.
WindowAnswers spans_of(const std::vector<float>& logits,
                       const std::vector<std::uint8_t>& allowed,
                       std::size_t longest = 15,
                       std::size_t most = 10) {
  return best_spans({logits, 2}, allowed, longest, most);
}

TEST(AnswerSpans, are_products_of_what_is_allowed_and_never_run_backwards) {
  const WindowAnswers answers = spans_of({0, 0, 1, 0, 0, 1, 9, 9}, {1, 1, 1, 0});

  ASSERT_EQ(answers.spans.size(), 3U);  // 1-1, 1-2, 2-2; the first token is no answer
  EXPECT_EQ(answers.spans[0].start, 1U);
  EXPECT_EQ(answers.spans[0].end, 2U);
  const float e = std::exp(1.0F);
  EXPECT_NEAR(answers.spans[0].score, (e / (2 + e)) * (e / (2 + e)), 1e-6);
  EXPECT_NEAR(answers.null_score, 1 / (2 + e) / (2 + e), 1e-6);
}

TEST(AnswerSpans, are_no_longer_and_no_more_than_asked) {
  const std::vector<float> flat(10, 0.0F);
  const std::vector<std::uint8_t> all(5, 1);

  EXPECT_EQ(spans_of(flat, all, 1).spans.size(), 4U);
  EXPECT_EQ(spans_of(flat, all, 2).spans.size(), 7U);
  EXPECT_EQ(spans_of(flat, all, 15, 3).spans.size(), 3U);
}

TEST(AnswerSpans, of_a_window_without_context_are_none) {
  EXPECT_TRUE(spans_of({1, 1, 2, 2}, {1, 0}).spans.empty());
}

TEST(AnswerSpans, stay_finite_for_huge_logits) {
  const WindowAnswers answers = spans_of({0, 0, 1e6F, 0, 0, 1e6F}, {1, 1, 1});
  ASSERT_FALSE(answers.spans.empty());
  EXPECT_EQ(answers.spans[0].score, 1.0F);
}

}  // namespace
}  // namespace millrace::pipeline
