#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace millrace::config {

/// Counts the insertions, deletions, replacements and swaps of neighbours that turn one word into
/// the other (Damerau–Levenshtein, each stretch edited once).
std::size_t edit_distance(std::string_view a, std::string_view b);

/// Returns the name that was probably meant, empty when none is near (a third of its length, at
/// least one edit).
std::string_view nearest_name(std::string_view word, std::span<const std::string> names);

/// Returns `did you mean 'x'?` or `expected one of a, b, c`, for the hint of an issue.
std::string suggestion(std::string_view word, std::span<const std::string> names);

/// Returns `a, b and c`.
std::string listed(std::span<const std::string> names, std::string_view last_word = "and");

}  // namespace millrace::config
