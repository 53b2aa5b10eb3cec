#pragma once

#include <cstdint>

namespace millrace::pipeline {

/// Columns of a panel of packed weights: three registers of eight, beside four rows of them.
inline constexpr std::int64_t kPanelWidth = 24;

/// What is applied to a product while it is in registers.
enum class Epilogue : std::uint8_t {
  none,
  relu,
  gelu,  // x · Φ(x); within 3e-7 of max(1, |x|)
};

/// y = f(x · Wᵀ + b) in float32.
struct GemmF32 {
  const float* x = nullptr;       // [rows, depth]
  std::int64_t rows = 0;          // any number
  std::int64_t depth = 0;         // at least 1
  std::int64_t width = 0;         // at least 1
  const float* panels = nullptr;  // PackedMatrix::panels(): 64 bytes aligned
  const float* bias = nullptr;    // PackedMatrix::bias(): whole panels
  float* y = nullptr;             // [rows, width]; overlaps nothing
  Epilogue epilogue = Epilogue::none;
};

/// Multiplies on one thread. Requires cpu().avx2.
///
/// Each element is one chain of fused multiply-adds over the depth, beginning with the bias: a row
/// of y has the same bits whatever rows stand beside it.
void gemm_f32_avx2(const GemmF32& gemm);

}  // namespace millrace::pipeline
