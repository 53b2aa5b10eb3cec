#include "pipeline/nn/decoder_layer.h"

#include "pipeline/nn/attention.h"
#include "pipeline/nn/embedding.h"

#include <numeric>
#include <vector>

#include <ATen/ATen.h>

namespace millrace::pipeline {
namespace {

/// Looks at the halves of [tokens, 2 · width].
struct KeysAndValues {
  explicit KeysAndValues(const at::Tensor& both)
      : keys(both.narrow(1, 0, both.size(1) / 2)),
        values(both.narrow(1, both.size(1) / 2, both.size(1) / 2)) {}

  at::Tensor keys, values;
};

}  // namespace

DecoderLayer::Attention::Attention(const AttentionWeights& weights, NormOf norms)
    : query(make_linear(weights.query, weights.query_bias)),
      key_value(make_linear(at::cat({weights.key, weights.value}),
                            at::cat({weights.key_bias, weights.value_bias}))),
      output(make_linear(weights.output, weights.output_bias)),
      norm{weights.norm, norms} {}

DecoderLayer::DecoderLayer(const DecoderLayerWeights& weights,
                           std::int64_t heads,
                           Activation function,
                           NormOf norms)
    : back_(weights.back, norms),
      across_(weights.across, norms),
      up_(make_linear(weights.up, weights.up_bias, function)),
      down_(make_linear(weights.down, weights.down_bias)),
      output_norm_{weights.output_norm, norms},
      heads_(heads) {}

at::Tensor DecoderLayer::rest(const at::Tensor& a,
                              std::span<const std::int32_t> row_begin,
                              const at::Tensor& source,
                              std::span<const std::int32_t> source_begin) const {
  const at::Tensor q = across_.query->run(across_.norm.input(a));
  const KeysAndValues kv(across_.key_value->run(source));
  const at::Tensor attended = attend_across(q, row_begin, kv.keys, kv.values, source_begin, heads_);
  const at::Tensor b = across_.norm.output(across_.output->run(attended).add_(a));
  return output_norm_.output(down_->run(up_->run(output_norm_.input(b))).add_(b));
}

at::Tensor DecoderLayer::run(const at::Tensor& x,
                             std::span<const std::int32_t> row_begin,
                             const at::Tensor& source,
                             std::span<const std::int32_t> source_begin) const {
  const at::Tensor input = back_.norm.input(x);
  const KeysAndValues kv(back_.key_value->run(input));
  const at::Tensor attended =
      attend_back(back_.query->run(input), kv.keys, kv.values, row_begin, heads_);
  const at::Tensor a = back_.norm.output(back_.output->run(attended).add_(x));
  return rest(a, row_begin, source, source_begin);
}

at::Tensor DecoderLayer::run_last(const at::Tensor& x,
                                  std::span<const std::int32_t> row_begin,
                                  const at::Tensor& source,
                                  std::span<const std::int32_t> source_begin) const {
  std::vector<std::int32_t> ends(row_begin.begin() + 1, row_begin.end());
  for (std::int32_t& end : ends) --end;
  const at::Tensor rows = index_tensor(ends, x.device());
  const at::Tensor input = back_.norm.input(x);
  const KeysAndValues kv(back_.key_value->run(input));
  // The last token sees its whole row.
  const at::Tensor attended = attend_one(
      back_.query->run(input.index_select(0, rows)), kv.keys, kv.values, row_begin, heads_);
  const at::Tensor a = back_.norm.output(back_.output->run(attended).add_(x.index_select(0, rows)));
  std::vector<std::int32_t> one_a_row(row_begin.size());
  std::iota(one_a_row.begin(), one_a_row.end(), 0);
  return rest(a, one_a_row, source, source_begin);
}

}  // namespace millrace::pipeline
