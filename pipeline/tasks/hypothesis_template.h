#pragma once

#include "config/base/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace millrace::pipeline {

/// A text with places for a label, as str.format() of Python fills them: `{}` once, `{0}` any
/// number of times, `{{` and `}}` for braces.
class HypothesisTemplate {
 public:
  /// Error: BAD_PARAMETER (invalid_input) for what Python refuses, and for fields with names or
  /// format specifications.
  static Result<HypothesisTemplate> parse(std::string_view text);

  std::string fill(std::string_view label) const;

 private:
  /// Literal pieces; the label stands between each two of them.
  std::vector<std::string> pieces_ = {""};
};

}  // namespace millrace::pipeline
