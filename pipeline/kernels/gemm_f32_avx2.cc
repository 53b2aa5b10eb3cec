#include "pipeline/kernels/gemm_f32_avx2.h"

#include <cstdint>

#include <immintrin.h>

// The templates below are meant to become straight code over registers.
#define MILLRACE_UNROLL _Pragma("GCC unroll 8")

namespace millrace::pipeline {
namespace {

constexpr std::int64_t kTileRows = 4;
constexpr int kLanes = 8;
constexpr int kVectors = kPanelWidth / kLanes;
constexpr int kSteps = 4;  // of the depth, between two looks at where it ends
constexpr std::int64_t kLineBytes = 64;
constexpr std::int64_t kLinesOfTwoSteps = 2 * kPanelWidth * 4 / kLineBytes;  // of a panel

/// Φ's error function as x · P(x²) / Q(x²), fitted to erf(x/√2) over |x| ≤ 5.6 so that the largest
/// error is least (1.9e-8; Lawson's weights in double precision); beyond, it is ±1 in float32.
constexpr float kErfEnd = 5.6F;
constexpr float kErfP[] = {7.97884443191e-1F,
                           6.875203701528648e-2F,
                           9.414500226184562e-3F,
                           3.4769826822091327e-4F,
                           1.2712921187451975e-5F,
                           4.429008386413018e-8F};
constexpr float kErfQ[] = {1.0F,
                           2.5283361349566e-1F,
                           2.8940026783609428e-2F,
                           1.912970039715612e-3F,
                           7.510107279389611e-5F,
                           1.1801985492377228e-6F};

inline __m256 polynomial(const float (&coefficients)[6], __m256 x) {
  __m256 sum = _mm256_set1_ps(coefficients[5]);
  MILLRACE_UNROLL
  for (int i = 4; i >= 0; --i) sum = _mm256_fmadd_ps(sum, x, _mm256_set1_ps(coefficients[i]));
  return sum;
}

inline __m256 gelu(__m256 x) {
  const __m256 end = _mm256_set1_ps(kErfEnd);
  const __m256 low = _mm256_sub_ps(_mm256_setzero_ps(), end);
  const __m256 z = _mm256_max_ps(low, _mm256_min_ps(end, x));
  const __m256 square = _mm256_mul_ps(z, z);
  const __m256 erf =
      _mm256_div_ps(_mm256_mul_ps(z, polynomial(kErfP, square)), polynomial(kErfQ, square));
  const __m256 half = _mm256_mul_ps(_mm256_set1_ps(0.5F), x);
  return _mm256_fmadd_ps(half, erf, half);
}

template <Epilogue kEpilogue>
inline __m256 finish(__m256 x) {
  if constexpr (kEpilogue == Epilogue::relu) {
    // The second operand comes back for a value that is no number.
    return _mm256_max_ps(_mm256_setzero_ps(), x);
  } else if constexpr (kEpilogue == Epilogue::gelu) {
    return gelu(x);
  } else {
    return x;
  }
}

/// Some rows against one panel.
struct Tile {
  const float* x;
  std::int64_t depth;
  const float* panel;
  const float* bias;
  float* y;
  std::int64_t stride;  // of y
  // The next panel comes into the cache while this one is multiplied: a panel is read by one tile
  // first, which would wait for memory.
  const char* next;
  std::int64_t next_lines;
};

// The instructions of the innermost loop are named one by one: left alone, compilers fold a load
// into each product that uses it, reading a column once a row, and then the loop waits for its
// loads. Volatile, so that they stay in this order, which needs the sixteen registers and no more.

inline __m256 load(const float* from) {
  __m256 value;
  asm volatile("vmovaps %1, %0" : "=x"(value) : "m"(*reinterpret_cast<const __m256*>(from)));
  return value;
}

inline __m256 broadcast(const float* from) {
  __m256 value;
  asm volatile("vbroadcastss %1, %0" : "=x"(value) : "m"(*from));
  return value;
}

inline void add_product(__m256& sum, __m256 a, __m256 b) {
  asm volatile("vfmadd231ps %1, %2, %0" : "+x"(sum) : "x"(a), "x"(b));
}

/// Adds some steps of the depth: of each, one value of each row times one row of the panel.
template <int kSteps, int kRows>
inline void add_steps(__m256 (&sum)[kRows][kVectors],
                      const float* (&rows)[kRows],
                      const float*& panel) {
  MILLRACE_UNROLL
  for (int k = 0; k < kSteps; ++k) {
    __m256 column[kVectors];
    MILLRACE_UNROLL
    for (int v = 0; v < kVectors; ++v) column[v] = load(panel + kPanelWidth * k + kLanes * v);
    MILLRACE_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const __m256 value = broadcast(rows[r] + k);
      MILLRACE_UNROLL
      for (int v = 0; v < kVectors; ++v) add_product(sum[r][v], column[v], value);
    }
  }
  MILLRACE_UNROLL
  for (int r = 0; r < kRows; ++r) rows[r] += kSteps;
  panel += kPanelWidth * kSteps;
}

template <int kRows, Epilogue kEpilogue>
void multiply(const Tile& tile) {
  __m256 sum[kRows][kVectors];
  MILLRACE_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    const __m256 bias = _mm256_loadu_ps(tile.bias + kLanes * v);
    MILLRACE_UNROLL
    for (int r = 0; r < kRows; ++r) sum[r][v] = bias;
  }
  const float* rows[kRows];
  MILLRACE_UNROLL
  for (int r = 0; r < kRows; ++r) rows[r] = tile.x + r * tile.depth;
  const float* panel = tile.panel;
  const float* const end = tile.x + tile.depth;
  const float* const whole = end - tile.depth % kSteps;
  const char* next = tile.next;
  const char* const next_end = tile.next + kLineBytes * tile.next_lines;
  while (rows[0] < whole && next < next_end) {
    MILLRACE_UNROLL
    for (int line = 0; line < kSteps; ++line) _mm_prefetch(next + kLineBytes * line, _MM_HINT_T0);
    next += kLineBytes * kSteps;
    add_steps<kSteps>(sum, rows, panel);
  }
  while (rows[0] < whole) add_steps<kSteps>(sum, rows, panel);
  while (rows[0] < end) add_steps<1>(sum, rows, panel);
  MILLRACE_UNROLL
  for (int r = 0; r < kRows; ++r) {
    MILLRACE_UNROLL
    for (int v = 0; v < kVectors; ++v)
      _mm256_storeu_ps(tile.y + r * tile.stride + kLanes * v, finish<kEpilogue>(sum[r][v]));
  }
}

template <Epilogue kEpilogue>
void multiply_rows(std::int64_t rows, const Tile& tile) {
  switch (rows) {
    case 1:
      return multiply<1, kEpilogue>(tile);
    case 2:
      return multiply<2, kEpilogue>(tile);
    case 3:
      return multiply<3, kEpilogue>(tile);
    default:
      return multiply<4, kEpilogue>(tile);
  }
}

/// The last panel may hold fewer columns than it has room for: its tile goes through a buffer.
template <Epilogue kEpilogue>
void multiply_narrow(std::int64_t rows, std::int64_t columns, Tile tile) {
  float whole[kTileRows * kPanelWidth];
  float* const y = tile.y;
  const std::int64_t stride = tile.stride;
  tile.y = whole;
  tile.stride = kPanelWidth;
  multiply_rows<kEpilogue>(rows, tile);
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < columns; ++c) y[r * stride + c] = whole[r * kPanelWidth + c];
}

template <Epilogue kEpilogue>
void run(const GemmF32& gemm) {
  if (gemm.rows == 0) return;
  const std::int64_t tiles = (gemm.rows + kTileRows - 1) / kTileRows;
  const std::int64_t panel_lines = gemm.depth * kLinesOfTwoSteps / 2;
  for (std::int64_t column = 0; column < gemm.width; column += kPanelWidth) {
    const float* panel = gemm.panels + column * gemm.depth;
    const std::int64_t columns = gemm.width - column;
    const bool last = columns <= kPanelWidth;
    const std::int64_t lines = last ? 0 : (panel_lines + tiles - 1) / tiles;
    const char* next = reinterpret_cast<const char*>(panel + kPanelWidth * gemm.depth);
    for (std::int64_t row = 0; row < gemm.rows; row += kTileRows) {
      const std::int64_t left = gemm.rows - row;
      const std::int64_t rows = left < kTileRows ? left : kTileRows;
      const Tile tile = {.x = gemm.x + row * gemm.depth,
                         .depth = gemm.depth,
                         .panel = panel,
                         .bias = gemm.bias + column,
                         .y = gemm.y + row * gemm.width + column,
                         .stride = gemm.width,
                         .next = next,
                         .next_lines = lines};
      if (columns < kPanelWidth) {
        multiply_narrow<kEpilogue>(rows, columns, tile);
      } else {
        multiply_rows<kEpilogue>(rows, tile);
      }
      next += kLineBytes * lines;
    }
  }
}

}  // namespace

void gemm_f32_avx2(const GemmF32& gemm) {
  switch (gemm.epilogue) {
    case Epilogue::none:
      return run<Epilogue::none>(gemm);
    case Epilogue::relu:
      return run<Epilogue::relu>(gemm);
    case Epilogue::gelu:
      return run<Epilogue::gelu>(gemm);
  }
}

}  // namespace millrace::pipeline
