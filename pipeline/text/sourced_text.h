#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace millrace::pipeline {

/// A code point of a text under way, and the number of the one in the given text that it came from.
struct Sourced {
  char32_t code_point;
  std::uint32_t origin;
};

using SourcedText = std::vector<Sourced>;

/// One code point of the outcome of a change. steps: 0 it takes the place of one, above 0 it is
/// put in besides, -n it takes the place of 1 + n.
struct Change {
  char32_t code_point;
  std::ptrdiff_t steps;
};

/// Reads valid UTF-8 whose first code point has the number `first`.
void read_sourced(std::string_view text, std::uint32_t first, SourcedText& out);

/// Applies changes to the whole of a text; what is put in besides comes from where the one before
/// it did. Source: tokenizers 0.22.2, tokenizer/normalizer.rs, transform_range.
SourcedText changed(const SourcedText& text, std::span<const Change> changes);

bool is_white_space(char32_t c);

// The steps of normalizers.

/// Drops control characters; white space becomes a space.
void clean(SourcedText& text);
void put_spaces_around_chinese(SourcedText& text);
void decompose_canonically(SourcedText& text);  // NFD
void decompose_compatibly(SourcedText& text);   // NFKD
void compose_canonically(SourcedText& text);    // NFC
void compose_compatibly(SourcedText& text);     // NFKC
void drop_nonspacing_marks(SourcedText& text);
void drop_marks(SourcedText& text);  // of all kinds
void lower_case(SourcedText& text);  // code point by code point: no final sigma

std::uint8_t combining_class(char32_t c);

/// The only code point whose lower case is two: capital I with dot above.
inline constexpr char32_t kDottedI = 0x130;

inline constexpr char32_t kHangulFirst = 0xAC00;
inline constexpr char32_t kHangulLast = 0xD7A3;

/// Calls `sink` with the two or three Jamo of a syllable. Source: The Unicode Standard, 3.12.
template <typename Sink>
void decompose_hangul(char32_t syllable, Sink sink) {
  constexpr char32_t kTrails = 28;
  constexpr char32_t kVowels = 21;
  const char32_t index = syllable - kHangulFirst;
  sink(char32_t{0x1100} + index / (kVowels * kTrails));
  sink(char32_t{0x1161} + index % (kVowels * kTrails) / kTrails);
  if (index % kTrails != 0) sink(char32_t{0x11A7} + index % kTrails);
}

}  // namespace millrace::pipeline
