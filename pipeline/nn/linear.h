#pragma once

#include "pipeline/nn/activation.h"

#include <memory>

#include <ATen/core/TensorBody.h>

namespace millrace::pipeline {

/// A matrix product with prepared weights: y = f(x · Wᵀ + b). Immutable, thread-safe.
///
/// Every linear layer goes through here, so that a back end is one more file and one more line in
/// make_linear().
class Linear {
 public:
  virtual ~Linear() = default;

  /// x: [rows, depth], contiguous. Returns a new [rows, width].
  virtual at::Tensor run(const at::Tensor& x) const = 0;
};

/// Prepares a layer for its device and dtype.
///
/// weight: [width, depth]; bias: [width]. float32 on the CPU goes to the packed kernels on a
/// processor with AVX2 alone, to libtorch's oneDNN on one with AVX-512; all else to at::linear.
/// Either form is a copy with the activation fused: the caller may release the pages of `weight`.
std::unique_ptr<const Linear> make_linear(const at::Tensor& weight,
                                          const at::Tensor& bias,
                                          Activation function = Activation::none);

/// The portable back end and the oracle of the others: at::linear over the weights as they are.
std::unique_ptr<const Linear> make_aten_linear(const at::Tensor& weight,
                                               const at::Tensor& bias,
                                               Activation function);

/// Whether the packed kernels run here: the layer is float32 on a CPU with AVX2.
bool packed_runs(const at::Tensor& weight);

/// The back end of `pipeline/kernels`: a row's result has the same bits in every batch. Requires
/// packed_runs(weight).
std::unique_ptr<const Linear> make_packed_linear(const at::Tensor& weight,
                                                 const at::Tensor& bias,
                                                 Activation function);

/// Whether the oneDNN back end runs here (libtorch was built with it, and the layer is float32 on
/// the CPU).
bool onednn_runs(const at::Tensor& weight);

/// The oneDNN back end. Requires onednn_runs(weight).
std::unique_ptr<const Linear> make_onednn_linear(const at::Tensor& weight,
                                                 const at::Tensor& bias,
                                                 Activation function);

}  // namespace millrace::pipeline
