#pragma once

#include "pipeline/text/unicode_ranges.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace millrace::pipeline::unicode {

/// A class of characters that patterns know by a name; the name is in lower case and without "_".
struct NamedClass {
  std::string_view name;
  std::span<const Range> ranges;
};

/// Code points first … last are of one script. What no run holds goes with any script.
struct ScriptRun {
  char32_t first;
  char32_t last;
  std::uint8_t script;  // from 1 on
};

/// General categories of two letters, classes such as "word", and scripts, as the engine of
/// patterns sees them. Source: tests/golden/make_pattern_classes.py.
std::span<const NamedClass> pattern_classes();

/// Scripts as UnicodeScripts sees them: ascending, Kana and Han are one. Source: the same.
std::span<const ScriptRun> script_runs();

}  // namespace millrace::pipeline::unicode
