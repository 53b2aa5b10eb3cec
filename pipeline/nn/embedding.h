#pragma once

#include "pipeline/nn/layer_norm.h"
#include "pipeline/nn/linear.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <ATen/core/TensorBody.h>

namespace millrace::pipeline {

/// The input layer of BERT-like encoders: word, position and (if the model has them) type, summed
/// and normalised.
struct Embedding {
  at::Tensor words;      // [vocabulary, width]
  double scale = 1.0;    // of the words
  at::Tensor positions;  // [positions, width]; undefined: the layers know them otherwise
  at::Tensor types;      // [types, width]; undefined: the model knows no types
  // To the width of the layers, before the norm; null: none.
  std::shared_ptr<const Linear> projection;
  LayerNorm norm;
  // With it a position counts the tokens so far that are not this id, and starts behind it; the id
  // itself has the position of its own number.
  std::optional<std::int32_t> pad;

  /// ids: one per token, rows laid end to end; type_ids: empty (all zero) or one per token;
  /// row_begin: rows + 1 offsets. Positions count from 0 in every row, or as `pad` says. All ids
  /// must be within their tables. Returns [tokens, width].
  at::Tensor run(std::span<const std::int32_t> ids,
                 std::span<const std::int32_t> type_ids,
                 std::span<const std::int32_t> row_begin) const;

  /// Returns the row of `positions` for every id.
  std::vector<std::int32_t> positions_of(std::span<const std::int32_t> ids,
                                         std::span<const std::int32_t> row_begin) const;
};

/// Copies integers to a device as an index tensor: [values].
at::Tensor index_tensor(std::span<const std::int32_t> values, at::Device device);

}  // namespace millrace::pipeline
