#pragma once

#include "pipeline/text/unicode_ranges.h"

#include <span>
#include <vector>

namespace millrace::pipeline {

inline constexpr char32_t kLastCodePoint = 0x10FFFF;

/// A set of code points: ascending ranges that neither overlap nor touch.
class CodePointSet {
 public:
  CodePointSet() = default;

  /// ranges: in any order.
  explicit CodePointSet(std::vector<unicode::Range> ranges);

  static CodePointSet of(char32_t code_point) { return CodePointSet({{code_point, code_point}}); }

  static CodePointSet all() { return CodePointSet({{0, kLastCodePoint}}); }

  bool contains(char32_t code_point) const;

  bool empty() const { return ranges_.empty(); }

  std::span<const unicode::Range> ranges() const { return ranges_; }

  CodePointSet complement() const;
  CodePointSet united(const CodePointSet& other) const;
  CodePointSet intersected(const CodePointSet& other) const;

 private:
  std::vector<unicode::Range> ranges_;
};

}  // namespace millrace::pipeline
