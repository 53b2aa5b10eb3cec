#pragma once

#include "pipeline/text/regex.h"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace millrace::pipeline {

/// Turns tokens back into text. Thread-safe.
///
/// Source: tokenizers 0.22.2, decoders/*.rs; values in tests/golden/decoders.json.
class Decoder {
 public:
  /// Tokens with the prefix go on the word before them, the others get a space.
  struct WordPiece {
    std::string prefix = "##";
    bool cleanup = true;  // no space before punctuation and contractions
  };

  /// Characters stand for bytes, as GPT-2 writes them.
  struct ByteLevel {};

  /// A character stands for a space.
  struct Metaspace {
    std::string replacement = "\u2581";
    bool drops_first = true;  // those of the first token go
  };

  /// A suffix ends a word.
  struct Bpe {
    std::string suffix = "</w>";
  };

  /// Runs of <0xNN> are UTF-8.
  struct ByteFallback {};

  /// All tokens become one.
  struct Fuse {};

  /// Takes up to `start` and `stop` times a character from the ends of each token.
  struct Strip {
    std::string content;
    std::size_t start = 0;
    std::size_t stop = 0;
  };

  /// Replaces a text in each token.
  struct Replace {
    std::string pattern;
    std::string content;
  };

  /// Replaces the matches of a pattern in each token. A token on which the pattern takes too many
  /// steps stays as it is.
  struct ReplaceMatches {
    Regex pattern;
    std::string content;
  };

  /// Of equal tokens in a row one stays, and the blank goes (CTC).
  struct Ctc {
    std::string blank = "<pad>";
    std::string delimiter = "|";  // becomes a space
    bool cleanup = true;          // no space before punctuation; else the delimiter stays, too
  };

  /// Puts spaces between the tokens: what is done where a file names no decoder.
  struct Spaces {};

  using Step = std::variant<WordPiece,
                            ByteLevel,
                            Metaspace,
                            Bpe,
                            ByteFallback,
                            Fuse,
                            Strip,
                            Replace,
                            ReplaceMatches,
                            Ctc,
                            Spaces>;

  explicit Decoder(std::vector<Step> steps) : steps_(std::move(steps)) {}

  std::string decode(std::span<const std::string_view> tokens) const;

 private:
  std::vector<Step> steps_;
};

/// Takes the spaces before punctuation and English contractions away. Source: transformers 4.57,
/// tokenization_utils_base.py, clean_up_tokenization.
std::string clean_up_spaces(std::string text);

}  // namespace millrace::pipeline
