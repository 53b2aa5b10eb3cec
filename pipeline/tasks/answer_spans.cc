#include "pipeline/tasks/answer_spans.h"

#include "pipeline/tasks/scores.h"

#include <algorithm>

namespace millrace::pipeline {
namespace {

constexpr float kNever = -10000.0F;

/// Returns the probabilities of one column of the logits.
std::vector<float> probabilities(const RowView& logits,
                                 std::size_t column,
                                 std::span<const std::uint8_t> allowed) {
  std::vector<float> values(logits.rows());
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = allowed[i] != 0 ? logits.row(i)[column] : kNever;
  softmax_in_place(values);
  return values;
}

bool is_better(const AnswerSpan& a, const AnswerSpan& b) {
  if (a.score != b.score) return a.score > b.score;
  return a.start != b.start ? a.start < b.start : a.end < b.end;
}

}  // namespace

WindowAnswers best_spans(const RowView& logits,
                         std::span<const std::uint8_t> allowed,
                         std::size_t longest,
                         std::size_t most) {
  std::vector<float> start = probabilities(logits, 0, allowed);
  std::vector<float> end = probabilities(logits, 1, allowed);
  WindowAnswers answers;
  answers.null_score = start[0] * end[0];
  // The first token stands for "no answer".
  start[0] = end[0] = 0.0F;
  std::vector<AnswerSpan>& spans = answers.spans;
  for (std::size_t i = 0; i < start.size(); ++i) {
    if (start[i] == 0.0F || allowed[i] == 0) continue;
    const std::size_t behind = std::min(end.size(), i + std::min(longest, end.size()));
    for (std::size_t j = i; j < behind; ++j) {
      const float score = start[i] * end[j];
      if (score > 0.0F && allowed[j] != 0) spans.push_back({i, j, score});
    }
  }
  const std::size_t kept = std::min(most, spans.size());
  std::partial_sort(
      spans.begin(), spans.begin() + static_cast<std::ptrdiff_t>(kept), spans.end(), is_better);
  spans.resize(kept);
  return answers;
}

}  // namespace millrace::pipeline
