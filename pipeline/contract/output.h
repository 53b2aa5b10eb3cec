#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace millrace::pipeline {

/// The wanted values of one row: [rows, width], row-major float32.
struct RowView {
  std::span<const float> values;
  std::size_t width = 0;

  std::size_t rows() const { return width == 0 ? 0 : values.size() / width; }

  std::span<const float> row(std::size_t i) const { return values.subspan(i * width, width); }
};

/// What a batch came back as: per row its wanted values, packed in the order of the batch, on the
/// host.
struct Output {
  std::vector<float> values;
  std::vector<std::size_t> begin;  // rows + 1 offsets into values
  std::vector<std::size_t> width;  // per row

  std::size_t rows() const { return width.size(); }

  RowView row(std::size_t r) const {
    return {std::span<const float>(values).subspan(begin[r], begin[r + 1] - begin[r]), width[r]};
  }
};

}  // namespace millrace::pipeline
