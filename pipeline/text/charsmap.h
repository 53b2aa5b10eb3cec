#pragma once

#include "pipeline/text/sourced_text.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::pipeline {

/// The character map of a SentencePiece model ("Precompiled"). Thread-safe.
///
/// Source: the crate spm_precompiled 0.1.4, as tokenizers 0.22.2 uses it; the double array is that
/// of Darts-clone.
class Charsmap {
 public:
  /// Reads a map: the size of the double array in bytes, the array, then texts that end with a zero
  /// byte; all little-endian. Nothing when it is not one.
  static std::optional<Charsmap> read(std::string_view bytes);

  /// Replaces what the map knows: small grapheme clusters as one, others code point by code point.
  void apply(SourcedText& text) const;

 private:
  /// What stands for the shortest key that `key` begins with.
  std::optional<std::string_view> find(std::string_view key) const;

  std::vector<std::uint32_t> units_;
  std::string texts_;
};

}  // namespace millrace::pipeline
