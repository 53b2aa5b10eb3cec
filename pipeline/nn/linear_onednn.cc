#include "config/base/check.h"
#include "pipeline/nn/linear.h"

#include <optional>
#include <string_view>

#include <ATen/ATen.h>
#include <ATen/core/List.h>
#include <ATen/core/dispatch/Dispatcher.h>

namespace millrace::pipeline {
namespace {

using Scalars = c10::List<std::optional<at::Scalar>>;
// mkldnn::_linear_pointwise(Tensor X, Tensor W, Tensor? B, str attr, Scalar?[] scalars, str?
// algorithm) -> Tensor
using Pointwise = at::Tensor(const at::Tensor&,
                             const at::Tensor&,
                             const std::optional<at::Tensor>&,
                             std::string_view,
                             Scalars,
                             std::optional<std::string_view>);

/// libtorch's own oneDNN, reached through the dispatcher: a second one in the process slows both
/// (measured_cpu.md 4).
struct Operators {
  std::optional<c10::OperatorHandle> reorder;
  std::optional<c10::TypedOperatorHandle<Pointwise>> pointwise;
};

const Operators& operators() {
  static const Operators found = [] {
    Operators ops;
    auto& dispatcher = c10::Dispatcher::singleton();
    ops.reorder = dispatcher.findSchema({"mkldnn::_reorder_linear_weight", ""});
    const auto pointwise = dispatcher.findSchema({"mkldnn::_linear_pointwise", ""});
    const bool runs = pointwise && pointwise->hasKernelForDispatchKey(c10::DispatchKey::CPU);
    if (runs) ops.pointwise = pointwise->typed<Pointwise>();
    return ops;
  }();
  return found;
}

/// What oneDNN applies while the product is still in the cache; the rest is applied afterwards.
struct Fused {
  std::string_view attribute = "none";
  std::string_view algorithm;
  Activation rest = Activation::none;
};

Fused fuse(Activation function) {
  switch (function) {
    case Activation::gelu:
      return {.attribute = "gelu", .algorithm = "none", .rest = Activation::none};
    case Activation::gelu_tanh:
      return {.attribute = "gelu", .algorithm = "tanh", .rest = Activation::none};
    case Activation::relu:
      return {.attribute = "relu", .algorithm = "", .rest = Activation::none};
    case Activation::silu:
      return {.attribute = "swish", .algorithm = "", .rest = Activation::none};
    case Activation::tanh:
      return {.attribute = "tanh", .algorithm = "", .rest = Activation::none};
    default:
      return {.attribute = "none", .algorithm = "", .rest = function};
  }
}

class OneDnnLinear final : public Linear {
 public:
  OneDnnLinear(const at::Tensor& weight, at::Tensor bias, Activation function)
      : bias_(std::move(bias)), fused_(fuse(function)) {
    torch::jit::Stack stack;
    // Without a batch size: one form of the weights for every number of rows.
    stack.emplace_back(weight);
    stack.emplace_back();
    operators().reorder->callBoxed(stack);
    weight_ = stack.front().toTensor();
  }

  at::Tensor run(const at::Tensor& x) const override {
    at::Tensor y = operators().pointwise->call(
        x, weight_, bias_, fused_.attribute, no_scalars_, fused_.algorithm);
    apply_in_place(fused_.rest, y);
    return y;
  }

 private:
  at::Tensor weight_;
  std::optional<at::Tensor> bias_;
  Fused fused_;
  Scalars no_scalars_;
};

}  // namespace

bool onednn_runs(const at::Tensor& weight) {
  const bool fits = weight.device().is_cpu() && weight.scalar_type() == at::kFloat;
  return fits && at::hasMKLDNN() && operators().reorder && operators().pointwise;
}

std::unique_ptr<const Linear> make_onednn_linear(const at::Tensor& weight,
                                                 const at::Tensor& bias,
                                                 Activation function) {
  check(onednn_runs(weight), "oneDNN takes float32 on the CPU");
  return std::make_unique<OneDnnLinear>(weight, bias, function);
}

}  // namespace millrace::pipeline
