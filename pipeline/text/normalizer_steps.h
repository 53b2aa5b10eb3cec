#pragma once

#include "pipeline/text/charsmap.h"
#include "pipeline/text/normalizer.h"
#include "pipeline/text/sourced_text.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace millrace::pipeline {

/// The normalizers of a tokenizer.json one after the other, as SentencePiece's families have them.
/// Thread-safe.
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

  using Step = std::variant<Charsmap,
                            Strip,
                            Replace,
                            ReplaceSpaces,
                            Prepend,
                            Decompose,
                            DecomposeCompatibly,
                            Compose,
                            ComposeCompatibly,
                            StripAccents,
                            Lowercase,
                            Nmt>;

  explicit NormalizerSteps(std::vector<Step> steps) : steps_(std::move(steps)) {}

  /// Overwrites `out`, origins included. `text` is valid UTF-8, its first code point has the number
  /// `first`.
  void normalize(std::string_view text, std::uint32_t first, Normalized& out) const;

 private:
  std::vector<Step> steps_;
};

}  // namespace millrace::pipeline
