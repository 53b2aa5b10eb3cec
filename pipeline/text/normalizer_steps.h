#pragma once

#include "pipeline/text/charsmap.h"
#include "pipeline/text/normalizer.h"
#include "pipeline/text/regex.h"
#include "pipeline/text/sourced_text.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace millrace::pipeline {

/// The normalizers of a tokenizer.json one after the other. Thread-safe.
///
/// Source: tokenizers 0.22.2, normalizers/*.rs.
class NormalizerSteps {
 public:
  /// White space at the ends goes.
  struct Strip {
    bool left = true;
    bool right = true;
  };

  /// Replaces a text.
  struct Replace {
    std::u32string pattern;  // not empty
    std::u32string content;
  };

  /// Replaces the matches of a pattern that never matches nothing.
  struct ReplaceMatches {
    Regex pattern;
    std::u32string content;
  };

  /// Replaces runs of at least two spaces.
  struct ReplaceSpaces {
    std::u32string content;
  };

  /// Puts a text before one that is not empty.
  struct Prepend {
    std::u32string content;
  };

  struct Decompose {};  // NFD

  struct DecomposeCompatibly {};  // NFKD

  struct Compose {};  // NFC

  struct ComposeCompatibly {};  // NFKC

  struct StripAccents {};

  struct Lowercase {};

  struct Nmt {};  // drops control characters, other white space becomes a space

  struct ByteLevel {};  // writes every byte as GPT-2 does

  using Step = std::variant<Charsmap,
                            Strip,
                            NormalizerOptions,  // BertNormalizer
                            Replace,
                            ReplaceMatches,
                            ReplaceSpaces,
                            Prepend,
                            Decompose,
                            DecomposeCompatibly,
                            Compose,
                            ComposeCompatibly,
                            StripAccents,
                            Lowercase,
                            Nmt,
                            ByteLevel>;

  explicit NormalizerSteps(std::vector<Step> steps) : steps_(std::move(steps)) {}

  /// Overwrites `out`, origins included. `text` is valid UTF-8, its first code point has the number
  /// `first`. Returns false when a pattern takes too many steps.
  [[nodiscard]] bool normalize(std::string_view text, std::uint32_t first, Normalized& out) const;

 private:
  std::vector<Step> steps_;
};

}  // namespace millrace::pipeline
