#pragma once

#include <ATen/core/TensorBody.h>

namespace millrace::pipeline {

/// Layer normalisation over the last dimension: (x − mean) / √(variance + eps) · weight + bias.
struct LayerNorm {
  at::Tensor weight;  // [width]
  at::Tensor bias;    // [width]
  double eps = 1e-12;

  /// x: [tokens, width]. Returns a new tensor of the same shape. The variance is the biased one,
  /// accumulated in float32.
  at::Tensor run(const at::Tensor& x) const;
};

}  // namespace millrace::pipeline
