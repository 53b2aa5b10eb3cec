#include "pipeline/nn/layer_norm.h"

#include <ATen/ATen.h>

namespace millrace::pipeline {

at::Tensor LayerNorm::run(const at::Tensor& x) const {
  return std::get<0>(at::native_layer_norm(x, weight.sizes(), weight, bias, eps));
}

}  // namespace millrace::pipeline
