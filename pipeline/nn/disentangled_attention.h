#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <ATen/core/TensorBody.h>

namespace millrace::pipeline {

/// Where the distance of query and key stands in a table of relative positions.
///
/// The table has 2 · span rows; distance 0 is row `span`, and far distances share the ends. With
/// buckets (span = buckets) distances beyond buckets / 2 share rows that widen with their
/// logarithm, up to `farthest`. Source: make_log_bucket_position in transformers 4.57
/// modeling_deberta_v2.py.
struct RelativePlaces {
  std::int64_t buckets = 0;   // 0: every distance has a row of its own
  std::int64_t farthest = 0;  // the distance that the last bucket ends with; without buckets: span

  std::int64_t span() const { return buckets > 0 ? buckets : farthest; }

  /// Returns [length, length] in int64 on the device: a row per query, a column per key.
  at::Tensor run(std::int64_t length, at::Device device) const;
};

/// What one layer of DeBERTa adds to its scores: the query against the position of the key, and the
/// key against that of the query.
struct Disentangled {
  at::Tensor keys;         // [2 · span, heads · depth]; undefined: queries look at no positions
  at::Tensor queries;      // the same for keys
  std::int64_t terms = 1;  // of the sum; scores are scaled by 1/√(depth · terms)
};

/// Attends within each row as attend() does, with the terms of `relative` in the scores.
///
/// places: RelativePlaces::run() of at least the longest row; undefined if `relative` has neither
/// keys nor queries. one: q has one row for each row, its first token, instead of one for each
/// token. Returns as many rows as q. Source: DisentangledSelfAttention in transformers 4.57.
at::Tensor attend_disentangled(const at::Tensor& q,
                               const at::Tensor& k,
                               const at::Tensor& v,
                               std::span<const std::int32_t> row_begin,
                               std::int64_t heads,
                               const Disentangled& relative,
                               const at::Tensor& places,
                               bool one);

}  // namespace millrace::pipeline
