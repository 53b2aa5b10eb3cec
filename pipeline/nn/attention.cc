#include "pipeline/nn/attention.h"

#include <numeric>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

namespace millrace::pipeline {
namespace {

/// Neighbouring rows of equal length: one call for all of them.
struct Run {
  std::int64_t rows = 0;
  std::int64_t length = 0;
};

std::int64_t length_of(std::span<const std::int32_t> begin, std::size_t row) {
  return begin[row + 1] - begin[row];
}

/// Returns how many rows from this one on have as many queries and as many keys.
std::size_t alike(std::span<const std::int32_t> query_begin,
                  std::span<const std::int32_t> key_begin,
                  std::size_t row) {
  std::size_t end = row + 1;
  while (end + 1 < key_begin.size() && length_of(query_begin, end) == length_of(query_begin, row) &&
         length_of(key_begin, end) == length_of(key_begin, row)) {
    ++end;
  }
  return end - row;
}

/// Looks at [rows · length, heads · depth] as [rows, heads, length, depth]; copies nothing.
at::Tensor heads_of(const at::Tensor& x, std::int64_t first, Run run, std::int64_t heads) {
  const std::int64_t depth = x.size(1) / heads;
  const std::int64_t stride = x.stride(0);
  return x.as_strided({run.rows, heads, run.length, depth},
                      {run.length * stride, depth, stride, 1},
                      x.storage_offset() + first * stride);
}

/// Cuts the bias of the first queries and keys: [1, heads, queries, keys], for every row of a run.
std::optional<at::Tensor> bias_of(const at::Tensor& bias, std::int64_t queries, std::int64_t keys) {
  if (!bias.defined()) return std::nullopt;
  return bias.narrow(1, 0, queries).narrow(2, 0, keys).unsqueeze(0);
}

/// What a query sees of the keys of its row.
enum class Sight : std::uint8_t { all, back };

at::Tensor attend_runs(const at::Tensor& q,
                       std::span<const std::int32_t> query_begin,
                       const at::Tensor& k,
                       const at::Tensor& v,
                       std::span<const std::int32_t> key_begin,
                       std::int64_t heads,
                       const at::Tensor& bias,
                       Sight sight) {
  at::Tensor out = at::empty({q.size(0), q.size(1)}, q.options());
  for (std::size_t row = 0; row + 1 < key_begin.size();) {
    const std::size_t rows = alike(query_begin, key_begin, row);
    const Run queries = {.rows = static_cast<std::int64_t>(rows),
                         .length = length_of(query_begin, row)};
    const Run keys = {.rows = queries.rows, .length = length_of(key_begin, row)};
    const std::int64_t first_query = query_begin[row];
    const std::int64_t first_key = key_begin[row];
    const at::Tensor attended =
        at::scaled_dot_product_attention(heads_of(q, first_query, queries, heads),
                                         heads_of(k, first_key, keys, heads),
                                         heads_of(v, first_key, keys, heads),
                                         bias_of(bias, queries.length, keys.length),
                                         0.0,
                                         sight == Sight::back);
    heads_of(out, first_query, queries, heads).copy_(attended);
    row += rows;
  }
  return out;
}

}  // namespace

at::Tensor attend(const at::Tensor& q,
                  const at::Tensor& k,
                  const at::Tensor& v,
                  std::span<const std::int32_t> row_begin,
                  std::int64_t heads,
                  const at::Tensor& bias) {
  return attend_runs(q, row_begin, k, v, row_begin, heads, bias, Sight::all);
}

at::Tensor attend_one(const at::Tensor& q,
                      const at::Tensor& k,
                      const at::Tensor& v,
                      std::span<const std::int32_t> row_begin,
                      std::int64_t heads,
                      const at::Tensor& bias) {
  std::vector<std::int32_t> one_a_row(row_begin.size());
  std::iota(one_a_row.begin(), one_a_row.end(), 0);
  return attend_runs(q, one_a_row, k, v, row_begin, heads, bias, Sight::all);
}

at::Tensor attend_back(const at::Tensor& q,
                       const at::Tensor& k,
                       const at::Tensor& v,
                       std::span<const std::int32_t> row_begin,
                       std::int64_t heads) {
  return attend_runs(q, row_begin, k, v, row_begin, heads, {}, Sight::back);
}

at::Tensor attend_across(const at::Tensor& q,
                         std::span<const std::int32_t> query_begin,
                         const at::Tensor& k,
                         const at::Tensor& v,
                         std::span<const std::int32_t> key_begin,
                         std::int64_t heads) {
  return attend_runs(q, query_begin, k, v, key_begin, heads, {}, Sight::all);
}

}  // namespace millrace::pipeline
