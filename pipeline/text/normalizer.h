#pragma once

#include "pipeline/text/code_point_map.h"
#include "pipeline/text/sourced_text.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::pipeline {

/// The switches of BertNormalizer; all off leaves a text as it is.
struct NormalizerOptions {
  bool clean_text = false;            // drop control characters, white space becomes a space
  bool handle_chinese_chars = false;  // spaces around CJK ideographs
  bool strip_accents = false;         // NFD, then non-spacing marks are dropped
  bool lowercase = false;             // code point by code point: no final sigma
};

/// A normalised text that knows where each byte came from. Grows, never shrinks, so that it can be
/// used again and again.
struct Normalized {
  std::vector<char> bytes;            // the first `size` count
  std::vector<std::uint32_t> origin;  // per byte the code point of the given text
  std::size_t size = 0;

  std::string_view view() const { return {bytes.data(), size}; }
};

enum class Origins : std::uint8_t { skip, track };

/// Overwrites `out` with a text, origins included.
void write_normalized(const SourcedText& text, Normalized& out);

/// Applies BertNormalizer. Thread-safe.
///
/// Source: tokenizers 0.22.2, normalizers/bert.rs; alignments as NormalizedString::transform makes
/// them.
class Normalizer {
 public:
  explicit Normalizer(const NormalizerOptions& options);

  /// Overwrites `out` with the normalised text. `text` is valid UTF-8, its first code point has the
  /// number `first`.
  void normalize(std::string_view text,
                 std::uint32_t first,
                 Origins origins,
                 Normalized& out) const;

  /// The same, as the reference says it, step by step. Used where marks that stay must be put into
  /// canonical order, and by tests.
  void normalize_in_steps(std::string_view text, std::uint32_t first, Normalized& out) const;

 private:
  enum class Kind : std::uint8_t { keep, drop, space_around, replace, hangul, in_steps };

  /// What becomes of a code point: its kind, and for `replace` a place in `replacements_`.
  struct Action {
    Kind kind = Kind::keep;
    std::uint8_t length = 0;
    std::uint32_t place = 0;

    friend bool operator==(const Action&, const Action&) = default;
  };

  template <Origins origins>
  bool normalize_fast(std::string_view text, std::uint32_t first, Normalized& out) const;
  void plan(char32_t code_point);
  void plan_ranges();
  void plan_ascii();

  NormalizerOptions options_;
  std::array<char, 128> ascii_{};
  std::array<std::uint8_t, 128> ascii_kept_{};
  CodePointMap<Action> actions_{Action{}};
  std::string replacements_;
};

}  // namespace millrace::pipeline
