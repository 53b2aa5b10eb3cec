#include "pipeline/nn/encoder_layer.h"

#include "pipeline/nn/attention.h"
#include "pipeline/nn/embedding.h"

#include <ATen/ATen.h>

namespace millrace::pipeline {

EncoderLayer::EncoderLayer(const EncoderLayerWeights& weights,
                           std::int64_t heads,
                           Activation function,
                           NormOf norms)
    : query_(make_linear(weights.query, weights.query_bias)),
      key_value_(make_linear(at::cat({weights.key, weights.value}),
                             at::cat({weights.key_bias, weights.value_bias}))),
      output_(make_linear(weights.output, weights.output_bias)),
      up_(make_linear(weights.up, weights.up_bias, function)),
      down_(make_linear(weights.down, weights.down_bias)),
      attention_norm_{weights.attention_norm, norms},
      output_norm_{weights.output_norm, norms},
      relative_(weights.relative),
      heads_(heads) {}

at::Tensor EncoderLayer::rest(const at::Tensor& x, const at::Tensor& attended) const {
  const at::Tensor a = attention_norm_.output(output_->run(attended).add_(x));
  return output_norm_.output(down_->run(up_->run(output_norm_.input(a))).add_(a));
}

at::Tensor EncoderLayer::attended(const at::Tensor& q,
                                  const at::Tensor& kv,
                                  std::span<const std::int32_t> row_begin,
                                  const at::Tensor& bias,
                                  bool one) const {
  const std::int64_t width = q.size(1);
  const at::Tensor k = kv.narrow(1, 0, width);
  const at::Tensor v = kv.narrow(1, width, width);
  if (relative_) return attend_disentangled(q, k, v, row_begin, heads_, *relative_, bias, one);
  return one ? attend_one(q, k, v, row_begin, heads_, bias)
             : attend(q, k, v, row_begin, heads_, bias);
}

at::Tensor EncoderLayer::run(const at::Tensor& x,
                             std::span<const std::int32_t> row_begin,
                             const at::Tensor& bias) const {
  const at::Tensor input = attention_norm_.input(x);
  return rest(x, attended(query_->run(input), key_value_->run(input), row_begin, bias, false));
}

at::Tensor EncoderLayer::run_first(const at::Tensor& x,
                                   std::span<const std::int32_t> row_begin,
                                   const at::Tensor& bias) const {
  const at::Tensor rows = index_tensor(row_begin.first(row_begin.size() - 1), x.device());
  const at::Tensor input = attention_norm_.input(x);
  const at::Tensor q = query_->run(input.index_select(0, rows));
  return rest(x.index_select(0, rows), attended(q, key_value_->run(input), row_begin, bias, true));
}

}  // namespace millrace::pipeline
