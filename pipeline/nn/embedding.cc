#include "pipeline/nn/embedding.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

namespace millrace::pipeline {
namespace {

std::vector<std::int32_t> positions_of(std::span<const std::int32_t> ids,
                                       std::span<const std::int32_t> row_begin,
                                       std::optional<std::int32_t> pad) {
  std::vector<std::int32_t> positions(ids.size());
  for (std::size_t row = 0; row + 1 < row_begin.size(); ++row) {
    std::int32_t next = pad ? *pad + 1 : 0;
    for (auto i = static_cast<std::size_t>(row_begin[row]); std::cmp_less(i, row_begin[row + 1]);
         ++i)
      positions[i] = ids[i] == pad ? *pad : next++;
  }
  return positions;
}

}  // namespace

at::Tensor index_tensor(std::span<const std::int32_t> values, at::Device device) {
  at::Tensor tensor = at::empty({static_cast<std::int64_t>(values.size())}, at::kInt);
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<std::int32_t>());
  return device.is_cpu() ? tensor : tensor.to(device);
}

at::Tensor Embedding::run(std::span<const std::int32_t> ids,
                          std::span<const std::int32_t> type_ids,
                          std::span<const std::int32_t> row_begin) const {
  const at::Device device = words.device();
  at::Tensor x = at::embedding(words, index_tensor(ids, device));
  // The order of the sums is transformers': words, types, positions.
  if (types.defined()) {
    if (type_ids.empty()) {
      x.add_(types[0]);
    } else {
      x.add_(at::embedding(types, index_tensor(type_ids, device)));
    }
  }
  x.add_(at::embedding(positions, index_tensor(positions_of(ids, row_begin, pad), device)));
  return norm.run(x);
}

}  // namespace millrace::pipeline
