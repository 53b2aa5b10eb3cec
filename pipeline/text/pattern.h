#pragma once

#include "pipeline/text/code_point_set.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace millrace::pipeline {

/// A pattern of a tokenizer.json taken apart: its structure, in the words that PCRE2 and Oniguruma
/// share, and the sets of characters that stand in it.
struct Pattern {
  /// A piece of the structure, or the place in `sets` of what stands here.
  struct Part {
    std::string structure;
    std::optional<std::size_t> set;
  };

  std::vector<Part> parts;
  std::vector<CodePointSet> sets;
};

/// Why a text is no pattern, or none that can be run as the reference would.
struct PatternProblem {
  bool unsupported = false;  // else it is broken
  std::string found;
};

/// Reads a pattern in Oniguruma's syntax, which is what the reference tokenizers run.
///
/// Taken are: characters, . [...] (nested and with &&), \s \d \w \h, \p{...} of general categories
/// and the common scripts, ^ $ (of a line), \A \z \Z \b \B, groups, look-around, atomic groups,
/// alternatives, quantifiers and (?i:...). What means something else elsewhere is translated; what
/// cannot be is a problem with its name: back references, subexpression calls, absent functions,
/// {n}? and {n,m}+, (?i) inside of a pattern, letters beyond ASCII under (?i), and what folds to
/// several letters (ss, ff, fi, fl, st).
std::variant<Pattern, PatternProblem> read_pattern(std::string_view text);

}  // namespace millrace::pipeline
