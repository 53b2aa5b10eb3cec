#include "pipeline/tasks/scores.h"

#include "config/base/check.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace millrace::pipeline {
namespace {

constexpr float kLeastLength = 1e-12F;

}  // namespace

void softmax_in_place(std::span<float> row) {
  if (row.empty()) return;
  const float top = *std::max_element(row.begin(), row.end());
  float sum = 0.0F;
  for (float& value : row) sum += value = std::exp(value - top);
  for (float& value : row) value /= sum;
}

void sigmoid_in_place(std::span<float> row) {
  // exp overflows to infinity for large negative logits, and 1 / infinity is the 0 that is meant.
  for (float& value : row) value = 1.0F / (1.0F + std::exp(-value));
}

void normalize_in_place(std::span<float> row) {
  float squares = 0.0F;
  for (const float value : row) squares += value * value;
  const float length = std::max(std::sqrt(squares), kLeastLength);
  for (float& value : row) value /= length;
}

std::vector<std::size_t> ranked(std::span<const float> scores) {
  std::vector<std::size_t> places(scores.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  std::stable_sort(places.begin(), places.end(), [scores](std::size_t a, std::size_t b) {
    return scores[a] > scores[b];
  });
  return places;
}

std::size_t best(std::span<const float> scores) {
  check(!scores.empty(), "a best score needs a score");
  return static_cast<std::size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

std::size_t kept_by(std::optional<std::int64_t> top_k, std::size_t count) {
  if (!top_k) return count;
  const auto all = static_cast<std::int64_t>(count);
  const std::int64_t end =
      *top_k < 0 ? std::max<std::int64_t>(all + std::max(*top_k, -all), 0) : std::min(*top_k, all);
  return static_cast<std::size_t>(end);
}

bool all_finite(std::span<const float> values) {
  return std::all_of(
      values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

}  // namespace millrace::pipeline
