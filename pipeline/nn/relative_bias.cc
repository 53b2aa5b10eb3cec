#include "pipeline/nn/relative_bias.h"

#include "pipeline/nn/embedding.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

#include <ATen/ATen.h>

namespace millrace::pipeline {
namespace {

constexpr std::int64_t kOneSide = kRelativeBuckets / 2;
constexpr std::int64_t kExact = kOneSide / 2;  // nearer distances have a bucket of their own
constexpr std::int64_t kFarthest = 128;        // from here on all share the last one

}  // namespace

std::int32_t relative_bucket(std::int64_t distance) {
  const std::int64_t side = distance > 0 ? kOneSide : 0;
  const std::int64_t away = std::abs(distance);
  if (away < kExact) return static_cast<std::int32_t>(side + away);
  // In float32 as in the reference: at a limit of two buckets the last bit decides.
  const float ratio = std::log(static_cast<float>(away) / static_cast<float>(kExact)) /
                      static_cast<float>(std::log(static_cast<double>(kFarthest) / kExact));
  const auto further = static_cast<std::int64_t>(ratio * static_cast<float>(kOneSide - kExact));
  return static_cast<std::int32_t>(side + std::min(kExact + further, kOneSide - 1));
}

at::Tensor RelativeBias::run(std::int64_t length) const {
  // Every diagonal is one distance: look each up once, then lay them out as a band.
  std::vector<std::int32_t> buckets;
  for (std::int64_t distance = 1 - length; distance < length; ++distance)
    buckets.push_back(relative_bucket(distance));
  const at::Tensor by_distance =
      at::embedding(table, index_tensor(buckets, table.device())).t().contiguous();
  const std::int64_t heads = by_distance.size(0);
  const std::int64_t distances = by_distance.size(1);
  // Read from the last query to the first, each row of keys begins one distance further right.
  const at::Tensor upside_down = by_distance.as_strided({heads, length, length}, {distances, 1, 1});
  return upside_down.flip({1});
}

}  // namespace millrace::pipeline
