#pragma once

#include "pipeline/nn/layer_norm.h"
#include "pipeline/nn/linear.h"

#include <cstdint>
#include <memory>
#include <span>

#include <ATen/core/TensorBody.h>

namespace millrace::pipeline {

/// The weights of an attention as they are stored: [width, width] and [width].
struct AttentionWeights {
  at::Tensor query, query_bias;
  at::Tensor key, key_bias;
  at::Tensor value, value_bias;
  at::Tensor output, output_bias;
  LayerNorm norm;
};

/// The weights of one decoder layer as they are stored.
struct DecoderLayerWeights {
  AttentionWeights back;       // to the tokens so far
  AttentionWeights across;     // to what the encoder made of the row
  at::Tensor up, up_bias;      // [intermediate, width]
  at::Tensor down, down_bias;  // [width, intermediate]
  LayerNorm output_norm;
};

/// One layer of the decoder of an encoder-decoder, over packed rows and without a cache. Immutable,
/// thread-safe.
///
/// A token sees the tokens of its row up to itself, then all that the encoder made of the row, then
/// the feed-forward part: the parts of EncoderLayer, and one more between them.
class DecoderLayer {
 public:
  DecoderLayer(const DecoderLayerWeights& weights,
               std::int64_t heads,
               Activation function,
               NormOf norms);

  /// x: [tokens, width], rows laid end to end at row_begin; source: [source tokens, width], the
  /// same rows as the encoder left them, at source_begin. Returns [tokens, width].
  at::Tensor run(const at::Tensor& x,
                 std::span<const std::int32_t> row_begin,
                 const at::Tensor& source,
                 std::span<const std::int32_t> source_begin) const;

  /// Computes only the last token of every row: [rows, width].
  at::Tensor run_last(const at::Tensor& x,
                      std::span<const std::int32_t> row_begin,
                      const at::Tensor& source,
                      std::span<const std::int32_t> source_begin) const;

 private:
  struct Attention {
    Attention(const AttentionWeights& weights, NormOf norms);

    std::unique_ptr<const Linear> query;
    std::unique_ptr<const Linear> key_value;  // one product for both
    std::unique_ptr<const Linear> output;
    PartNorm norm;
  };

  at::Tensor rest(const at::Tensor& a,
                  std::span<const std::int32_t> row_begin,
                  const at::Tensor& source,
                  std::span<const std::int32_t> source_begin) const;

  Attention back_;
  Attention across_;
  std::unique_ptr<const Linear> up_;
  std::unique_ptr<const Linear> down_;
  PartNorm output_norm_;
  std::int64_t heads_;
};

}  // namespace millrace::pipeline
