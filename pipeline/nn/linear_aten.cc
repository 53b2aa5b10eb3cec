#include "pipeline/nn/linear.h"

#include <ATen/ATen.h>

namespace millrace::pipeline {
namespace {

class AtenLinear final : public Linear {
 public:
  AtenLinear(at::Tensor weight, at::Tensor bias, Activation function)
      : weight_(std::move(weight)), bias_(std::move(bias)), function_(function) {}

  at::Tensor run(const at::Tensor& x) const override {
    at::Tensor y = at::linear(x, weight_, bias_);
    apply_in_place(function_, y);
    return y;
  }

 private:
  at::Tensor weight_;
  at::Tensor bias_;
  Activation function_;
};

}  // namespace

std::unique_ptr<const Linear> make_aten_linear(const at::Tensor& weight,
                                               const at::Tensor& bias,
                                               Activation function) {
  return std::make_unique<AtenLinear>(weight, bias, function);
}

}  // namespace millrace::pipeline
