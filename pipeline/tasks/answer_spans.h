#pragma once

#include "pipeline/contract/output.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace millrace::pipeline {

/// Tokens start … end (included) of a window, and how probable it is that they are the answer.
struct AnswerSpan {
  std::size_t start = 0;
  std::size_t end = 0;
  float score = 0.0F;
};

/// What one window says.
struct WindowAnswers {
  std::vector<AnswerSpan> spans;  // best first, none of score 0
  float null_score = 0.0F;        // that the answer is not in this window
};

/// Turns start and end logits of a window into its best spans.
///
/// logits: [tokens, 2], start and end. allowed: per token 1 where an answer may begin or end.
/// longest: tokens of an answer, at least 1. most: spans to give, at least 1.
/// Probabilities are float32, as in transformers; of equal ones the earlier span comes first.
/// Source: transformers 4.57, pipelines/question_answering.py, select_starts_ends().
WindowAnswers best_spans(const RowView& logits,
                         std::span<const std::uint8_t> allowed,
                         std::size_t longest,
                         std::size_t most);

}  // namespace millrace::pipeline
