#include "pipeline/nn/disentangled_attention.h"

#include <cmath>
#include <optional>

#include <ATen/ATen.h>

namespace millrace::pipeline {
namespace {

/// Looks at [tokens, heads · depth] as [heads, tokens, depth]; copies nothing.
at::Tensor heads_of(const at::Tensor& x, std::int64_t heads) {
  return x.unflatten(1, {heads, x.size(1) / heads}).transpose(0, 1);
}

/// In float32 and by the kernels of the reference: at a limit of two buckets the last bit decides.
at::Tensor log_buckets(const at::Tensor& distance, std::int64_t buckets, std::int64_t farthest) {
  const std::int64_t mid = buckets / 2;
  const at::Tensor away = distance.abs();
  const at::Tensor end =
      at::full({}, static_cast<double>(farthest - 1) / static_cast<double>(mid), at::kFloat).log();
  const at::Tensor shared =
      ((away.clamp_min(1).to(at::kFloat) / mid).log() / end * (mid - 1)).ceil() + mid;
  return at::where(away <= mid, distance, shared.to(at::kLong) * distance.sign());
}

/// Returns what positions add to the scores of a row, unscaled: [heads, queries, keys].
at::Tensor position_scores(const at::Tensor& q,
                           const at::Tensor& k,
                           const Disentangled& relative,
                           const at::Tensor& places) {
  const std::int64_t heads = q.size(0);
  const at::Tensor here = places.narrow(0, 0, q.size(1)).narrow(1, 0, k.size(1));
  at::Tensor sum;
  if (relative.keys.defined()) {
    const at::Tensor all = at::matmul(q, heads_of(relative.keys, heads).transpose(1, 2));
    sum = all.gather(2, here.unsqueeze(0).expand({heads, -1, -1}));
  }
  if (relative.queries.defined()) {
    // Distances are antisymmetric, so both terms of a pair stand at the same place.
    const at::Tensor all = at::matmul(k, heads_of(relative.queries, heads).transpose(1, 2));
    const at::Tensor picked = all.gather(2, here.t().unsqueeze(0).expand({heads, -1, -1}));
    sum = sum.defined() ? sum + picked.transpose(1, 2) : picked.transpose(1, 2);
  }
  return sum;
}

}  // namespace

at::Tensor RelativePlaces::run(std::int64_t length, at::Device device) const {
  const at::Tensor places = at::arange(length, at::kLong);
  at::Tensor distance = places.unsqueeze(1) - places.unsqueeze(0);
  if (buckets > 0) distance = log_buckets(distance, buckets, farthest);
  return (distance + span()).clamp(0, 2 * span() - 1).to(device);
}

at::Tensor attend_disentangled(const at::Tensor& q,
                               const at::Tensor& k,
                               const at::Tensor& v,
                               std::span<const std::int32_t> row_begin,
                               std::int64_t heads,
                               const Disentangled& relative,
                               const at::Tensor& places,
                               bool one) {
  const bool positions = relative.keys.defined() || relative.queries.defined();
  const auto depth = static_cast<double>(q.size(1) / heads);
  const double scale = 1.0 / std::sqrt(depth * static_cast<double>(relative.terms));
  at::Tensor out = at::empty({q.size(0), q.size(1)}, q.options());
  // Row by row: what positions add is as large as the scores, and differs from row to row.
  for (std::size_t row = 0; row + 1 < row_begin.size(); ++row) {
    const std::int64_t first = row_begin[row];
    const std::int64_t length = row_begin[row + 1] - first;
    const std::int64_t first_query = one ? static_cast<std::int64_t>(row) : first;
    const std::int64_t queries = one ? 1 : length;
    const at::Tensor query = heads_of(q.narrow(0, first_query, queries), heads);
    const at::Tensor key = heads_of(k.narrow(0, first, length), heads);
    const at::Tensor value = heads_of(v.narrow(0, first, length), heads);
    std::optional<at::Tensor> bias;
    if (positions) bias = (position_scores(query, key, relative, places) * scale).unsqueeze(0);
    const at::Tensor attended = at::scaled_dot_product_attention(
        query.unsqueeze(0), key.unsqueeze(0), value.unsqueeze(0), bias, 0.0, false, scale);
    heads_of(out.narrow(0, first_query, queries), heads).copy_(attended[0]);
  }
  return out;
}

}  // namespace millrace::pipeline
