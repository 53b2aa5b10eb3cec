#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace millrace::pipeline::unicode {

/// Code points first … last, both included. Tables of ranges are ascending and do not overlap.
struct Range {
  char32_t first;
  char32_t last;
};

/// Every step-th code point of first … last has its lower case delta further on.
struct LowerRun {
  char32_t first;
  char32_t last;
  std::int32_t step;
  std::int32_t delta;
};

/// The full canonical decomposition of a code point; unused places are 0.
struct Decomposition {
  char32_t from;
  std::array<char32_t, 4> to;
};

/// Code points first … last have this canonical combining class.
struct ClassRun {
  char32_t first;
  char32_t last;
  std::uint8_t combining_class;
};

// The classes as the reference tokenizers see them, which is not any one version of Unicode.
// Source: tests/golden/make_unicode_ranges.py.
std::span<const Range> white_space_ranges();
std::span<const Range> control_ranges();
std::span<const Range> punctuation_ranges();
std::span<const Range> mark_ranges();
std::span<const Range> nonspacing_mark_ranges();
std::span<const Range> word_ranges();
std::span<const Range> numeric_ranges();
std::span<const Range> chinese_ranges();
// As the engine of patterns sees them: \p{L}, \p{N}, \s.
std::span<const Range> pattern_letter_ranges();
std::span<const Range> pattern_number_ranges();
std::span<const Range> pattern_space_ranges();
std::span<const LowerRun> lower_runs();

/// Ascending; Hangul syllables are left out, they decompose by a formula.
std::span<const Decomposition> decompositions();
/// Ascending; what is not listed has class 0.
std::span<const ClassRun> combining_classes();

}  // namespace millrace::pipeline::unicode
