#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <ATen/core/TensorBody.h>

namespace millrace::pipeline {

/// The activation functions of BERT-like checkpoints.
enum class Activation : std::uint8_t {
  none,
  gelu,        // x · Φ(x), by erf
  gelu_tanh,   // 0.5x(1 + tanh(√(2/π)(x + 0.044715x³)))
  gelu_quick,  // x · sigmoid(1.702x)
  relu,
  relu6,
  relu_squared,
  silu,
  mish,
  sigmoid,
  tanh,
  leaky_relu,  // slope 0.01
};

/// Maps a name of transformers' ACT2FN (`hidden_act`) to its function; nothing for a name we do not
/// run.
std::optional<Activation> activation(std::string_view name);

/// Applies the function to every element, in place.
void apply_in_place(Activation function, at::Tensor& x);

}  // namespace millrace::pipeline
