#include "pipeline/nn/embedding.h"

#include <algorithm>

#include <ATen/ATen.h>

namespace millrace::pipeline {
at::Tensor index_tensor(std::span<const std::int32_t> values, at::Device device) {
  at::Tensor tensor = at::empty({static_cast<std::int64_t>(values.size())}, at::kInt);
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<std::int32_t>());
  return device.is_cpu() ? tensor : tensor.to(device);
}

std::vector<std::int32_t> Embedding::positions_of(std::span<const std::int32_t> ids,
                                                  std::span<const std::int32_t> row_begin) const {
  std::vector<std::int32_t> places(ids.size());
  for (std::size_t row = 0; row + 1 < row_begin.size(); ++row) {
    const auto begin = static_cast<std::size_t>(row_begin[row]);
    const auto end = static_cast<std::size_t>(row_begin[row + 1]);
    std::int32_t next = pad ? *pad + 1 : 0;
    for (std::size_t i = begin; i < end; ++i) places[i] = ids[i] == pad ? *pad : next++;
  }
  return places;
}

at::Tensor Embedding::run(std::span<const std::int32_t> ids,
                          std::span<const std::int32_t> type_ids,
                          std::span<const std::int32_t> row_begin) const {
  const at::Device device = words.device();
  at::Tensor x = at::embedding(words, index_tensor(ids, device));
  if (scale != 1.0) x.mul_(scale);
  // The order of the sums is transformers': words, types, positions.
  if (types.defined()) {
    if (type_ids.empty()) {
      x.add_(types[0]);
    } else {
      x.add_(at::embedding(types, index_tensor(type_ids, device)));
    }
  }
  if (positions.defined())
    x.add_(at::embedding(positions, index_tensor(positions_of(ids, row_begin), device)));
  if (projection) x = projection->run(x);
  return norm.run(x);
}

}  // namespace millrace::pipeline
