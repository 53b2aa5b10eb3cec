#include "pipeline/nn/linear.h"

#include "pipeline/kernels/cpu.h"

namespace millrace::pipeline {

std::unique_ptr<const Linear> make_linear(const at::Tensor& weight,
                                          const at::Tensor& bias,
                                          Activation function) {
  // oneDNN's wider registers win where the processor has them.
  if (packed_runs(weight) && !cpu().avx512) return make_packed_linear(weight, bias, function);
  if (onednn_runs(weight)) return make_onednn_linear(weight, bias, function);
  return make_aten_linear(weight, bias, function);
}

}  // namespace millrace::pipeline
