#pragma once

#include <cstdint>
#include <span>

#include <ATen/core/TensorBody.h>

namespace millrace::pipeline {

/// Attends within each row; nothing is padded, so no token of another row is ever seen.
///
/// q: [tokens, heads · depth], k and v: the same, rows laid end to end; any of them may be a column
/// range of a wider tensor. row_begin: rows + 1 offsets into the tokens. Scores are scaled by
/// 1/√depth. bias: [heads, n, n] with n at least the longest row, added to the scaled scores of
/// query and key by their places in the row; undefined: none. Returns [tokens, heads · depth].
/// Source: softmax(QKᵀ/√d)V of scaled_dot_product_attention; naive oracle in
/// tests/support/naive_nn.h.
at::Tensor attend(const at::Tensor& q,
                  const at::Tensor& k,
                  const at::Tensor& v,
                  std::span<const std::int32_t> row_begin,
                  std::int64_t heads,
                  const at::Tensor& bias = {});

/// The same for one query a row: q: [rows, heads · depth]. Returns [rows, heads · depth].
at::Tensor attend_one(const at::Tensor& q,
                      const at::Tensor& k,
                      const at::Tensor& v,
                      std::span<const std::int32_t> row_begin,
                      std::int64_t heads,
                      const at::Tensor& bias = {});

/// Attends within each row, every token to itself and to what stands before it: [tokens, heads ·
/// depth], as attend().
at::Tensor attend_back(const at::Tensor& q,
                       const at::Tensor& k,
                       const at::Tensor& v,
                       std::span<const std::int32_t> row_begin,
                       std::int64_t heads);

/// Attends from the tokens of each row to all tokens of the same row elsewhere, which may be more
/// or fewer.
///
/// q: [queries, heads · depth] with offsets query_begin; k and v: [keys, heads · depth] with
/// offsets key_begin, of as many rows. No row is empty. Returns [queries, heads · depth].
at::Tensor attend_across(const at::Tensor& q,
                         std::span<const std::int32_t> query_begin,
                         const at::Tensor& k,
                         const at::Tensor& v,
                         std::span<const std::int32_t> key_begin,
                         std::int64_t heads);

}  // namespace millrace::pipeline
