#include "pipeline/nn/attention.h"

#include <optional>

#include <ATen/ATen.h>

namespace millrace::pipeline {
namespace {

/// Neighbouring rows of equal length: one call for all of them.
struct Run {
  std::int64_t rows = 0;
  std::int64_t length = 0;
};

Run run_at(std::span<const std::int32_t> row_begin, std::size_t row) {
  const auto length = [&](std::size_t r) { return row_begin[r + 1] - row_begin[r]; };
  std::size_t end = row + 1;
  while (end + 1 < row_begin.size() && length(end) == length(row)) ++end;
  return {.rows = static_cast<std::int64_t>(end - row), .length = length(row)};
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

/// Queries of a row: all of its tokens, or one.
enum class Queries : std::uint8_t { every_token, one_a_row };

at::Tensor attend_runs(const at::Tensor& q,
                       const at::Tensor& k,
                       const at::Tensor& v,
                       std::span<const std::int32_t> row_begin,
                       std::int64_t heads,
                       const at::Tensor& bias,
                       Queries queries) {
  at::Tensor out = at::empty({q.size(0), q.size(1)}, q.options());
  for (std::size_t row = 0; row + 1 < row_begin.size();) {
    const Run run = run_at(row_begin, row);
    const std::int64_t first = row_begin[row];
    const bool all = queries == Queries::every_token;
    const Run asked = {.rows = run.rows, .length = all ? run.length : 1};
    const std::int64_t first_query = all ? first : static_cast<std::int64_t>(row);
    const at::Tensor attended =
        at::scaled_dot_product_attention(heads_of(q, first_query, asked, heads),
                                         heads_of(k, first, run, heads),
                                         heads_of(v, first, run, heads),
                                         bias_of(bias, asked.length, run.length));
    heads_of(out, first_query, asked, heads).copy_(attended);
    row += static_cast<std::size_t>(run.rows);
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
  return attend_runs(q, k, v, row_begin, heads, bias, Queries::every_token);
}

at::Tensor attend_one(const at::Tensor& q,
                      const at::Tensor& k,
                      const at::Tensor& v,
                      std::span<const std::int32_t> row_begin,
                      std::int64_t heads,
                      const at::Tensor& bias) {
  return attend_runs(q, k, v, row_begin, heads, bias, Queries::one_a_row);
}

}  // namespace millrace::pipeline
