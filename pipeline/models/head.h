#pragma once

#include "pipeline/nn/layer_norm.h"
#include "pipeline/nn/linear.h"

#include <cstddef>
#include <memory>
#include <optional>

#include <ATen/core/TensorBody.h>

namespace millrace::pipeline {

/// What turns hidden states into what a task reads: scores(norm(f(dense(x)))). Immutable,
/// thread-safe.
struct Head {
  std::unique_ptr<const Linear> dense;  // with its activation; null: none
  std::optional<LayerNorm> norm;
  std::unique_ptr<const Linear> scores;
  std::size_t outputs = 0;  // columns of scores

  /// x: [rows, width], the tokens that the head reads. Returns [rows, outputs].
  at::Tensor run(at::Tensor x) const {
    if (dense) x = dense->run(x);
    if (norm) x = norm->run(x);
    return scores->run(x);
  }
};

}  // namespace millrace::pipeline
