#include "pipeline/nn/linear.h"

namespace millrace::pipeline {

std::unique_ptr<const Linear> make_linear(const at::Tensor& weight,
                                          const at::Tensor& bias,
                                          Activation function) {
  if (onednn_runs(weight)) return make_onednn_linear(weight, bias, function);
  return make_aten_linear(weight, bias, function);
}

}  // namespace millrace::pipeline
