#pragma once

#include <cstdint>

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

/// What the norm of a part of a layer normalises: what the part reads, or the sum of that and what
/// the part made of it.
enum class NormOf : std::uint8_t { input, sum };

/// The norm of a part of a layer, where a part is sum = x + part(input).
struct PartNorm {
  LayerNorm norm;
  NormOf of = NormOf::sum;

  /// Returns what the part reads of x.
  at::Tensor input(const at::Tensor& x) const { return of == NormOf::input ? norm.run(x) : x; }

  /// Returns what leaves the part.
  at::Tensor output(const at::Tensor& sum) const { return of == NormOf::sum ? norm.run(sum) : sum; }
};

}  // namespace millrace::pipeline
