#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace millrace::pipeline {

/// The weights of a linear layer as gemm_f32_avx2 reads them. Immutable, thread-safe, movable.
///
/// The columns of Wᵀ stand in panels of kPanelWidth, each panel depth first, so that a product
/// reads memory in one direction; the last panel is filled up with zeros. Takes its own copy of
/// width rounded up to whole panels times depth floats, in huge pages where the system gives them.
class PackedMatrix {
 public:
  /// weight: [width, depth], row after row, both at least 1; bias: width values, or empty for none.
  /// Throws std::bad_alloc.
  PackedMatrix(std::span<const float> weight, std::span<const float> bias, std::int64_t width);

  std::int64_t width() const { return width_; }

  std::int64_t depth() const { return depth_; }

  const float* panels() const { return panels_.get(); }

  const float* bias() const { return bias_.data(); }

 private:
  struct Free {
    void operator()(float* memory) const;
  };

  std::int64_t width_;
  std::int64_t depth_;
  std::unique_ptr<float[], Free> panels_;
  std::vector<float> bias_;
};

}  // namespace millrace::pipeline
