#include "pipeline/kernels/cpu.h"
#include "pipeline/kernels/gemm_f32_avx2.h"
#include "pipeline/kernels/packed_matrix.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <new>
#include <numbers>
#include <random>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace millrace::pipeline {
namespace {

using Floats = std::vector<float>;

Floats noise(std::int64_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Floats out(static_cast<std::size_t>(count));
  for (float& value : out) value = normal(random);
  return out;
}

struct Layer {
  std::int64_t depth;
  std::int64_t width;
  Floats weight;
  Floats bias;
};

Layer layer_of(std::int64_t depth, std::int64_t width) {
  return {
      .depth = depth, .width = width, .weight = noise(depth * width, 1), .bias = noise(width, 2)};
}

/// Floats that end where a page begins which may not be touched. Sanitizers do not see the kernels.
class Guarded {
 public:
  explicit Guarded(std::size_t count) : count_(count) {
    const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t used = (count * sizeof(float) + page - 1) / page * page;
    bytes_ = used + page;
    memory_ = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory_ == MAP_FAILED) throw std::bad_alloc();
    char* const guard = static_cast<char*>(memory_) + used;
    if (::mprotect(guard, page, PROT_NONE) != 0) throw std::bad_alloc();
    floats_ = reinterpret_cast<float*>(guard) - count;
  }

  ~Guarded() { ::munmap(memory_, bytes_); }

  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  float* data() { return floats_; }

  float* end() { return floats_ + count_; }

 private:
  std::size_t count_;
  std::size_t bytes_ = 0;
  void* memory_ = nullptr;
  float* floats_ = nullptr;
};

/// Runs the kernel on memory with a guard behind it, into such that holds nothing finite.
Floats multiplied(const Layer& layer, const Floats& x, Epilogue epilogue = Epilogue::none) {
  const PackedMatrix matrix(layer.weight, layer.bias, layer.width);
  const auto rows = static_cast<std::int64_t>(x.size()) / layer.depth;
  Guarded in(x.size());
  std::copy(x.begin(), x.end(), in.data());
  Guarded y(static_cast<std::size_t>(rows * layer.width));
  std::fill(y.data(), y.end(), std::numeric_limits<float>::quiet_NaN());
  gemm_f32_avx2({.x = in.data(),
                 .rows = rows,
                 .depth = layer.depth,
                 .width = layer.width,
                 .panels = matrix.panels(),
                 .bias = matrix.bias(),
                 .y = y.data(),
                 .epilogue = epilogue});
  return {y.data(), y.end()};
}

double activated(Epilogue epilogue, double x) {
  if (epilogue == Epilogue::relu) return std::max(x, 0.0);
  if (epilogue == Epilogue::gelu) return 0.5 * x * (1.0 + std::erf(x / std::numbers::sqrt2));
  return x;
}

/// Returns the largest distance to plain loops in double precision, relative to the sum of the
/// terms' sizes.
double distance(const Layer& layer, const Floats& x, Epilogue epilogue) {
  const Floats y = multiplied(layer, x, epilogue);
  double most = 0.0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const auto column = static_cast<std::int64_t>(i) % layer.width;
    const auto row = static_cast<std::int64_t>(i) / layer.width;
    double sum = layer.bias[static_cast<std::size_t>(column)];
    double size = 1.0 + std::abs(sum);
    for (std::int64_t k = 0; k < layer.depth; ++k) {
      const double term =
          static_cast<double>(x[static_cast<std::size_t>(row * layer.depth + k)]) *
          static_cast<double>(layer.weight[static_cast<std::size_t>(column * layer.depth + k)]);
      sum += term;
      size += std::abs(term);
    }
    most = std::max(most, std::abs(activated(epilogue, sum) - static_cast<double>(y[i])) / size);
  }
  return most;
}

class GemmF32 : public testing::Test {
 protected:
  void SetUp() override {
    if (!cpu().avx2) GTEST_SKIP() << "the kernel needs a processor with AVX2 and FMA";
  }
};

TEST_F(GemmF32, agrees_with_plain_loops_for_every_shape_of_tile_and_panel) {
  for (const std::int64_t rows : {0, 1, 2, 3, 4, 5, 7, 8, 13})
    for (const std::int64_t depth : {1, 2, 3, 16, 61})
      for (const std::int64_t width : {1, 2, 23, 24, 25, 47, 48, 73}) {
        const Layer layer = layer_of(depth, width);
        EXPECT_LT(distance(layer, noise(rows * depth, 3), Epilogue::none), 1e-6)
            << rows << " x " << depth << " x " << width;
      }
}

TEST_F(GemmF32, agrees_with_plain_loops_at_the_size_of_a_real_layer) {
  EXPECT_LT(distance(layer_of(768, 3072), noise(17 * 768, 4), Epilogue::gelu), 1e-6);
  EXPECT_LT(distance(layer_of(3072, 768), noise(6 * 3072, 5), Epilogue::none), 1e-6);
}

TEST_F(GemmF32, a_row_has_the_same_bits_alone_and_in_any_batch) {
  for (const Epilogue epilogue : {Epilogue::none, Epilogue::relu, Epilogue::gelu}) {
    const Layer layer = layer_of(384, 50);
    const std::int64_t most = 41;
    const Floats x = noise(most * layer.depth, 6);
    const Floats all = multiplied(layer, x, epilogue);
    for (std::int64_t first = 0; first < most; ++first)
      for (const std::int64_t rows : {1, 2, 3, 4, 6, 9}) {
        if (first + rows > most) continue;
        const Floats some = multiplied(
            layer,
            Floats(x.begin() + first * layer.depth, x.begin() + (first + rows) * layer.depth),
            epilogue);
        for (std::size_t i = 0; i < some.size(); ++i)
          ASSERT_EQ(
              std::bit_cast<std::uint32_t>(some[i]),
              std::bit_cast<std::uint32_t>(all[i + static_cast<std::size_t>(first * layer.width)]))
              << "rows " << first << " to " << first + rows;
      }
  }
}

TEST_F(GemmF32, the_activations_hold_over_the_whole_range_of_float) {
  // One input, weight 1 and bias 0: the product is the input itself.
  const Layer layer = {.depth = 1, .width = 1, .weight = {1.0F}, .bias = {0.0F}};
  Floats x;
  for (float value = -12.0F; value <= 12.0F; value += 1.0F / 512.0F) x.push_back(value);
  for (const float value : {1e-38F, -1e-38F, 1e-6F, 100.0F, 1e30F}) x.push_back(value);
  const Floats gelu = multiplied(layer, x, Epilogue::gelu);
  const Floats relu = multiplied(layer, x, Epilogue::relu);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double value = x[i];
    EXPECT_NEAR(gelu[i], activated(Epilogue::gelu, value), 3e-7 * std::max(1.0, std::abs(value)))
        << value;
    EXPECT_EQ(relu[i], std::max(x[i], 0.0F)) << value;
  }
}

TEST_F(GemmF32, what_is_no_number_stays_none) {
  const Layer layer = {.depth = 1, .width = 1, .weight = {1.0F}, .bias = {0.0F}};
  for (const Epilogue epilogue : {Epilogue::none, Epilogue::relu, Epilogue::gelu})
    EXPECT_TRUE(
        std::isnan(multiplied(layer, {std::numeric_limits<float>::quiet_NaN()}, epilogue).front()));
}

TEST(PackedMatrix, holds_panels_of_columns_filled_up_with_zeros) {
  const std::int64_t width = kPanelWidth + 2;
  const std::int64_t depth = 3;
  const Layer layer = layer_of(depth, width);
  const PackedMatrix matrix(layer.weight, {}, width);
  EXPECT_EQ(matrix.depth(), depth);
  for (std::int64_t panel = 0; panel < 2; ++panel)
    for (std::int64_t k = 0; k < depth; ++k)
      for (std::int64_t c = 0; c < kPanelWidth; ++c) {
        const std::int64_t column = panel * kPanelWidth + c;
        const float found = matrix.panels()[(panel * depth + k) * kPanelWidth + c];
        const float expected =
            column < width ? layer.weight[static_cast<std::size_t>(column * depth + k)] : 0.0F;
        ASSERT_EQ(found, expected) << "column " << column << ", depth " << k;
        ASSERT_EQ(matrix.bias()[column], 0.0F);
      }
}

}  // namespace
}  // namespace millrace::pipeline
