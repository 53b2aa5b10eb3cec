#pragma once

#include "pipeline/nn/disentangled_attention.h"
#include "pipeline/nn/layer_norm.h"
#include "pipeline/nn/linear.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include <ATen/core/TensorBody.h>

namespace millrace::pipeline {

/// The weights of one encoder layer as they are stored: [out, in] and [out].
struct EncoderLayerWeights {
  at::Tensor query, query_bias;
  at::Tensor key, key_bias;
  at::Tensor value, value_bias;
  at::Tensor output, output_bias;
  at::Tensor up, up_bias;      // [intermediate, width]
  at::Tensor down, down_bias;  // [width, intermediate]
  LayerNorm attention_norm;
  LayerNorm output_norm;
  std::optional<Disentangled> relative;  // projected; absent: attention as in BERT
};

/// One layer of an encoder over packed rows. Immutable, thread-safe.
///
/// With norms of sums (BERT and its descendants) a = norm(x + output(attend(x))), y = norm(a +
/// down(f(up(a)))); with norms of inputs a = x + output(attend(norm(x))), y = a +
/// down(f(up(norm(a)))).
class EncoderLayer {
 public:
  EncoderLayer(const EncoderLayerWeights& weights,
               std::int64_t heads,
               Activation function,
               NormOf norms = NormOf::sum);

  /// x: [tokens, width], rows laid end to end at row_begin; bias: as in attend(), or the places of
  /// attend_disentangled() in a layer with relative positions. Returns [tokens, width].
  at::Tensor run(const at::Tensor& x,
                 std::span<const std::int32_t> row_begin,
                 const at::Tensor& bias = {}) const;

  /// Computes only the first token of every row: [rows, width]. What other tokens become is not
  /// asked for, so their queries and feed-forward are left out.
  at::Tensor run_first(const at::Tensor& x,
                       std::span<const std::int32_t> row_begin,
                       const at::Tensor& bias = {}) const;

 private:
  at::Tensor attended(const at::Tensor& q,
                      const at::Tensor& kv,
                      std::span<const std::int32_t> row_begin,
                      const at::Tensor& bias,
                      bool one) const;
  at::Tensor rest(const at::Tensor& x, const at::Tensor& attended) const;

  std::unique_ptr<const Linear> query_;
  std::unique_ptr<const Linear> key_value_;  // one product for both
  std::unique_ptr<const Linear> output_;
  std::unique_ptr<const Linear> up_;
  std::unique_ptr<const Linear> down_;
  PartNorm attention_norm_;
  PartNorm output_norm_;
  std::optional<Disentangled> relative_;
  std::int64_t heads_;
};

}  // namespace millrace::pipeline
