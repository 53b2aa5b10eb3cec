#include "config/base/check.h"
#include "pipeline/kernels/cpu.h"
#include "pipeline/kernels/gemm_f32_avx2.h"
#include "pipeline/kernels/packed_matrix.h"
#include "pipeline/nn/linear.h"

#include <ATen/ATen.h>

namespace millrace::pipeline {
namespace {

Epilogue epilogue_of(Activation function) {
  if (function == Activation::gelu) return Epilogue::gelu;
  if (function == Activation::relu) return Epilogue::relu;
  return Epilogue::none;
}

std::span<const float> floats(const at::Tensor& x) {
  if (!x.defined()) return {};
  return {x.const_data_ptr<float>(), static_cast<std::size_t>(x.numel())};
}

class PackedLinear final : public Linear {
 public:
  PackedLinear(const at::Tensor& weight, const at::Tensor& bias, Activation function)
      : matrix_(floats(weight), floats(bias), weight.size(0)), epilogue_(epilogue_of(function)) {
    if (epilogue_ == Epilogue::none) rest_ = function;
  }

  at::Tensor run(const at::Tensor& x) const override {
    check(x.dim() == 2 && x.size(1) == matrix_.depth(), "the rows are as deep as the weights");
    const at::Tensor rows = x.contiguous();
    at::Tensor y = at::empty({rows.size(0), matrix_.width()}, rows.options());
    gemm_f32_avx2({.x = rows.const_data_ptr<float>(),
                   .rows = rows.size(0),
                   .depth = matrix_.depth(),
                   .width = matrix_.width(),
                   .panels = matrix_.panels(),
                   .bias = matrix_.bias(),
                   .y = y.data_ptr<float>(),
                   .epilogue = epilogue_});
    apply_in_place(rest_, y);
    return y;
  }

 private:
  PackedMatrix matrix_;
  Epilogue epilogue_;
  Activation rest_ = Activation::none;
};

}  // namespace

bool packed_runs(const at::Tensor& weight) {
  return weight.device().is_cpu() && weight.scalar_type() == at::kFloat && cpu().avx2;
}

std::unique_ptr<const Linear> make_packed_linear(const at::Tensor& weight,
                                                 const at::Tensor& bias,
                                                 Activation function) {
  check(packed_runs(weight), "the packed kernels take float32 on a CPU with AVX2");
  return std::make_unique<PackedLinear>(
      weight.contiguous(), bias.defined() ? bias.contiguous() : bias, function);
}

}  // namespace millrace::pipeline
