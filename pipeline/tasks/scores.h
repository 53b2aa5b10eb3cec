#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace millrace::pipeline {

/// Turns logits into probabilities. float32 throughout, as numpy does it; stable for any finite
/// input, and minus infinity beside a finite logit gives 0. An empty row stays empty. Source:
/// transformers 4.57, pipelines/text_classification.py, softmax().
void softmax_in_place(std::span<float> row);

/// Turns each logit into 1 / (1 + e^-x), float32; the ends are exactly 0 and 1.
/// Source: transformers 4.57, pipelines/text_classification.py, sigmoid().
void sigmoid_in_place(std::span<float> row);

/// Divides by the Euclidean length; a length below 1e-12 counts as 1e-12, so zeros stay zeros.
/// Source: torch.nn.functional.normalize, which sentence-transformers uses.
void normalize_in_place(std::span<float> row);

/// Returns the places of the scores from best to worst. Equal scores keep their order, as Python's
/// sort does.
std::vector<std::size_t> ranked(std::span<const float> scores);

/// Returns the place of the first highest score. Requires a score.
std::size_t best(std::span<const float> scores);

/// Returns how many of `count` entries Python's `entries[:top_k]` keeps; none given keeps all.
std::size_t kept_by(std::optional<std::int64_t> top_k, std::size_t count);

bool all_finite(std::span<const float> values);

}  // namespace millrace::pipeline
