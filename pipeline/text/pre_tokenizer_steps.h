#pragma once

#include "pipeline/text/code_point_map.h"
#include "pipeline/text/pre_tokenizer.h"
#include "pipeline/text/regex.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace millrace::pipeline {

/// How a text is cut before Unigram: a character stands for a space, and begins a word.
struct MetaspaceSpec {
  enum class Prepends : std::uint8_t { always, first, never };

  std::string replacement = "\u2581";
  Prepends prepends = Prepends::always;  // before a text, before that at the very start, or not
  bool splits = true;
};

/// A text cut into words. Each byte knows the code point of the given text that it came from.
struct Words {
  /// Bytes begin … end (not included).
  struct Span {
    std::size_t begin;
    std::size_t end;
  };

  std::string bytes;
  std::vector<std::uint32_t> origin;
  std::vector<Span> spans;  // none is empty

  std::string_view text(Span span) const {
    return std::string_view(bytes).substr(span.begin, span.end - span.begin);
  }
};

/// The pre-tokenizers of a tokenizer.json one after the other: each cuts every word that the one
/// before it left. Thread-safe. Where one way of cutting can be said as a judgement over single
/// characters, PreTokenizer is faster.
///
/// Source: tokenizers 0.22.2, pre_tokenizers/*.rs and tokenizer/normalizer.rs, split.
class PreTokenizerSteps {
 public:
  /// What becomes of a match: it goes, is a word, goes to the word before it or after it, or is one
  /// with the matches beside it.
  enum class Behavior : std::uint8_t {
    removed,
    isolated,
    merged_with_previous,
    merged_with_next,
    contiguous
  };

  /// Cuts at matches, or at what lies between them.
  struct Split {
    std::variant<std::string, Regex> pattern;  // a text is not empty
    Behavior behavior = Behavior::isolated;
    bool inverted = false;
  };

  /// Cuts at single characters.
  struct SplitAt {
    CodePointMap<std::uint8_t> wanted;  // 1
    Behavior behavior = Behavior::isolated;
  };

  /// Cuts where the script changes; Kana and Han are one, spaces go with any.
  struct UnicodeScripts {};

  /// Cuts after every so many characters.
  struct FixedLength {
    std::size_t length = 5;  // not 0
  };

  /// Writes every byte as GPT-2 does, after cutting as it does.
  struct ByteLevel {
    bool adds_prefix_space = true;
    bool splits = true;
  };

  using Step = std::variant<PreTokenizer::Step,
                            Split,
                            SplitAt,
                            UnicodeScripts,
                            FixedLength,
                            MetaspaceSpec,
                            ByteLevel>;

  /// Whether the last step, when it is ByteLevel, writes: it need not for a model that knows bytes.
  enum class LastBytes : std::uint8_t { written, kept };

  PreTokenizerSteps(std::vector<Step> steps, LastBytes last_bytes);

  /// Overwrites `out`. text: valid UTF-8. origin: as long as text. Returns false when a pattern
  /// takes too many steps.
  [[nodiscard]] bool split(std::string_view text,
                           std::span<const std::uint32_t> origin,
                           Words& out) const;

 private:
  // Steps that judge single characters become one.
  using Compiled = std::
      variant<PreTokenizer, Split, SplitAt, UnicodeScripts, FixedLength, MetaspaceSpec, ByteLevel>;

  std::vector<Compiled> steps_;
  LastBytes last_bytes_;
};

}  // namespace millrace::pipeline
