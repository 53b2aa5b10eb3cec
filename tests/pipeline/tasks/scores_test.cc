#include "pipeline/tasks/scores.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gmock/gmock.h>

namespace millrace::pipeline {
namespace {

using testing::ElementsAre;
using testing::FloatEq;
using testing::FloatNear;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(Softmax, gives_the_values_of_numpy) {
  std::vector<float> row = {1.0F, 2.0F, 3.0F};

  softmax_in_place(row);

  EXPECT_THAT(row,
              ElementsAre(FloatNear(0.09003057F, 1e-7F),
                          FloatNear(0.24472848F, 1e-7F),
                          FloatNear(0.66524094F, 1e-7F)));
}

TEST(Softmax, survives_logits_beyond_what_exp_can_hold) {
  std::vector<float> row = {1000.0F, 1000.0F, -1000.0F};

  softmax_in_place(row);

  EXPECT_THAT(row, ElementsAre(0.5F, 0.5F, 0.0F));
}

TEST(Softmax, gives_minus_infinity_no_share) {
  std::vector<float> row = {0.0F, -kInfinity};

  softmax_in_place(row);

  EXPECT_THAT(row, ElementsAre(1.0F, 0.0F));
}

TEST(Softmax, leaves_an_empty_row_empty) {
  std::vector<float> row;

  softmax_in_place(row);

  EXPECT_TRUE(row.empty());
}

TEST(Softmax, does_not_hide_a_nan) {
  std::vector<float> row = {0.0F, std::numeric_limits<float>::quiet_NaN()};

  softmax_in_place(row);

  EXPECT_FALSE(all_finite(row));
}

TEST(Sigmoid, reaches_its_ends_exactly) {
  std::vector<float> row = {-1000.0F, 0.0F, 1000.0F, 1.5F};

  sigmoid_in_place(row);

  EXPECT_THAT(row, ElementsAre(0.0F, 0.5F, 1.0F, FloatNear(0.81757450F, 1e-7F)));
}

TEST(Normalize, gives_length_one_and_leaves_zeros_alone) {
  std::vector<float> row = {3.0F, 4.0F};
  std::vector<float> zeros = {0.0F, 0.0F};

  normalize_in_place(row);
  normalize_in_place(zeros);

  EXPECT_THAT(row, ElementsAre(FloatEq(0.6F), FloatEq(0.8F)));
  EXPECT_THAT(zeros, ElementsAre(0.0F, 0.0F));
}

TEST(Ranked, keeps_the_order_of_equal_scores_as_python_does) {
  const std::vector<float> scores = {0.2F, 0.4F, 0.2F, 0.4F};

  EXPECT_THAT(ranked(scores), ElementsAre(1U, 3U, 0U, 2U));
  EXPECT_EQ(best(scores), 1U);
}

TEST(KeptBy, counts_as_a_slice_of_python) {
  EXPECT_EQ(kept_by(std::nullopt, 3), 3U);
  EXPECT_EQ(kept_by(0, 3), 0U);
  EXPECT_EQ(kept_by(2, 3), 2U);
  EXPECT_EQ(kept_by(99, 3), 3U);
  EXPECT_EQ(kept_by(-1, 3), 2U);
  EXPECT_EQ(kept_by(-99, 3), 0U);
  EXPECT_EQ(kept_by(std::numeric_limits<std::int64_t>::min(), 3), 0U);
}

}  // namespace
}  // namespace millrace::pipeline
