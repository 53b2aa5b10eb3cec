#include "pipeline/nn/encoder_layer.h"

#include "pipeline/nn/attention.h"
#include "pipeline/nn/embedding.h"

#include <ATen/ATen.h>

namespace millrace::pipeline {

EncoderLayer::EncoderLayer(const EncoderLayerWeights& weights,
                           std::int64_t heads,
                           Activation function)
    : query_(make_linear(weights.query, weights.query_bias)),
      key_value_(make_linear(at::cat({weights.key, weights.value}),
                             at::cat({weights.key_bias, weights.value_bias}))),
      output_(make_linear(weights.output, weights.output_bias)),
      up_(make_linear(weights.up, weights.up_bias, function)),
      down_(make_linear(weights.down, weights.down_bias)),
      attention_norm_(weights.attention_norm),
      output_norm_(weights.output_norm),
      heads_(heads) {}

at::Tensor EncoderLayer::rest(const at::Tensor& x, const at::Tensor& attended) const {
  const at::Tensor a = attention_norm_.run(output_->run(attended).add_(x));
  return output_norm_.run(down_->run(up_->run(a)).add_(a));
}

at::Tensor EncoderLayer::run(const at::Tensor& x,
                             std::span<const std::int32_t> row_begin,
                             const at::Tensor& bias) const {
  const std::int64_t width = x.size(1);
  const at::Tensor q = query_->run(x);
  const at::Tensor kv = key_value_->run(x);
  return rest(
      x, attend(q, kv.narrow(1, 0, width), kv.narrow(1, width, width), row_begin, heads_, bias));
}

at::Tensor EncoderLayer::run_first(const at::Tensor& x,
                                   std::span<const std::int32_t> row_begin,
                                   const at::Tensor& bias) const {
  const std::int64_t width = x.size(1);
  const at::Tensor first =
      x.index_select(0, index_tensor(row_begin.first(row_begin.size() - 1), x.device()));
  const at::Tensor q = query_->run(first);
  const at::Tensor kv = key_value_->run(x);
  return rest(
      first,
      attend_one(q, kv.narrow(1, 0, width), kv.narrow(1, width, width), row_begin, heads_, bias));
}

}  // namespace millrace::pipeline
