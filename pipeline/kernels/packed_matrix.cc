#include "pipeline/kernels/packed_matrix.h"

#include "config/base/check.h"
#include "pipeline/kernels/gemm_f32_avx2.h"

#include <algorithm>
#include <cstdlib>
#include <new>

#include <sys/mman.h>

namespace millrace::pipeline {
namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

/// Returns memory for so many floats, not yet written.
float* allocate(std::size_t count) {
  const std::size_t bytes = (count * sizeof(float) + kLine - 1) / kLine * kLine;
  const bool large = bytes >= kHugePage;
  const std::size_t unit = large ? kHugePage : kLine;
  void* memory = std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit);
  if (memory == nullptr) throw std::bad_alloc();
  // Only whole pages: a part of one would take 2 MiB. The wish may be refused; pages are then
  // small.
  if (large) (void)::madvise(memory, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
  return static_cast<float*>(memory);
}

std::int64_t panels_of(std::int64_t width) { return (width + kPanelWidth - 1) / kPanelWidth; }

}  // namespace

void PackedMatrix::Free::operator()(float* memory) const { std::free(memory); }

PackedMatrix::PackedMatrix(std::span<const float> weight,
                           std::span<const float> bias,
                           std::int64_t width)
    : width_(width), depth_(width < 1 ? 0 : static_cast<std::int64_t>(weight.size()) / width) {
  check(width_ >= 1 && depth_ >= 1, "a packed matrix has elements");
  check(static_cast<std::int64_t>(weight.size()) == width_ * depth_, "the weights are a matrix");
  check(bias.empty() || static_cast<std::int64_t>(bias.size()) == width_, "one bias a column");
  const std::int64_t padded = panels_of(width_) * kPanelWidth;
  bias_.assign(static_cast<std::size_t>(padded), 0.0F);
  std::copy(bias.begin(), bias.end(), bias_.begin());
  panels_.reset(allocate(static_cast<std::size_t>(padded * depth_)));
  for (std::int64_t column = 0; column < padded; ++column) {
    float* to = panels_.get() + column / kPanelWidth * kPanelWidth * depth_ + column % kPanelWidth;
    const float* from = column < width_ ? weight.data() + column * depth_ : nullptr;
    for (std::int64_t k = 0; k < depth_; ++k) to[k * kPanelWidth] = from ? from[k] : 0.0F;
  }
}

}  // namespace millrace::pipeline
