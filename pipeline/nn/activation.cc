#include "pipeline/nn/activation.h"

#include <algorithm>
#include <array>

#include <ATen/ATen.h>

namespace millrace::pipeline {
namespace {

struct Row {
  std::string_view name;
  Activation function;
};

/// transformers.activations.ACT2FN, 4.57: several names share a function.
constexpr auto kRows = std::to_array<Row>({
    {"gelu", Activation::gelu},
    {"gelu_python", Activation::gelu},
    {"gelu_new", Activation::gelu_tanh},
    {"gelu_fast", Activation::gelu_tanh},
    {"gelu_pytorch_tanh", Activation::gelu_tanh},
    {"gelu_python_tanh", Activation::gelu_tanh},
    {"gelu_accurate", Activation::gelu_tanh},
    {"quick_gelu", Activation::gelu_quick},
    {"relu", Activation::relu},
    {"relu6", Activation::relu6},
    {"relu2", Activation::relu_squared},
    {"silu", Activation::silu},
    {"swish", Activation::silu},
    {"mish", Activation::mish},
    {"sigmoid", Activation::sigmoid},
    {"tanh", Activation::tanh},
    {"leaky_relu", Activation::leaky_relu},
    {"linear", Activation::none},
});

}  // namespace

std::optional<Activation> activation(std::string_view name) {
  const auto found =
      std::find_if(kRows.begin(), kRows.end(), [&](const Row& row) { return row.name == name; });
  if (found == kRows.end()) return std::nullopt;
  return found->function;
}

void apply_in_place(Activation function, at::Tensor& x) {
  switch (function) {
    case Activation::none:
      return;
    case Activation::gelu:
      at::gelu_(x);
      return;
    case Activation::gelu_tanh:
      at::gelu_(x, "tanh");
      return;
    case Activation::gelu_quick:
      x.mul_(at::sigmoid(x * 1.702));
      return;
    case Activation::relu:
      at::relu_(x);
      return;
    case Activation::relu6:
      at::clamp_(x, 0, 6);
      return;
    case Activation::relu_squared:
      at::relu_(x);
      x.mul_(x);
      return;
    case Activation::silu:
      at::silu_(x);
      return;
    case Activation::mish:
      at::mish_(x);
      return;
    case Activation::sigmoid:
      at::sigmoid_(x);
      return;
    case Activation::tanh:
      at::tanh_(x);
      return;
    case Activation::leaky_relu:
      at::leaky_relu_(x);
      return;
  }
}

}  // namespace millrace::pipeline
