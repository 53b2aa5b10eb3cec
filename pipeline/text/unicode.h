#pragma once

#include "pipeline/text/sourced_text.h"

#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace millrace::pipeline::unicode {

/// How many code points make up the extended grapheme cluster that a text begins with. Needs at
/// least one. Thread-safe. Source: Unicode Standard Annex 29, rules GB3 to GB13 but for GB9c, whose
/// clusters are longer than any that a caller looks at as one.
std::size_t grapheme_length(std::span<const Sourced> text);

/// The full compatibility decomposition (NFKD) of a code point as the reference tokenizers know it;
/// empty where it is the code point itself. Thread-safe.
std::u32string compatibility_decomposition(char32_t c);

/// A decimal digit or another digit, as superscripts are (what Python calls isdigit). Thread-safe.
bool is_digit(char32_t c);

/// What two code points are together (NFC), as the reference tokenizers know it. Thread-safe.
std::optional<char32_t> compose(char32_t first, char32_t second);

}  // namespace millrace::pipeline::unicode
