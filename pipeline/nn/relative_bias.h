#pragma once

#include <cstdint>

#include <ATen/core/TensorBody.h>

namespace millrace::pipeline {

/// What attention adds to its scores by the distance of query and key.
///
/// Near distances have a bucket of their own, far ones share buckets that widen with their
/// logarithm; keys before and after the query have different ones. Source: the encoder of T5, as in
/// transformers 4.57 modeling_mpnet.py; buckets in tests/golden/relative_buckets.json.
struct RelativeBias {
  at::Tensor table;  // [buckets, heads], at least kRelativeBuckets

  /// Returns [heads, length, length]: a row per query, a column per key.
  at::Tensor run(std::int64_t length) const;
};

constexpr std::int64_t kRelativeBuckets = 32;

/// Returns the bucket of a key that stands `distance` behind its query (before it: negative),
/// 0 … 31.
std::int32_t relative_bucket(std::int64_t distance);

}  // namespace millrace::pipeline
