#pragma once

#include "pipeline/text/tokenizer.h"
#include "pipeline/text/truncation.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace::pipeline {

/// The tokens of one text before the template. `offsets` and `words` are empty unless they are
/// wanted.
struct Tokens {
  std::vector<std::int32_t> ids;
  std::vector<Offset> offsets;
  std::vector<std::int32_t> words;

  void clear() {
    ids.clear();
    offsets.clear();
    words.clear();
  }
};

/// One place of a template: special tokens, or all tokens of a text.
struct TemplatePiece {
  int text = -1;                          // 0 first, 1 second, -1 special tokens
  std::vector<std::int32_t> special_ids;  // of a special piece
  std::int32_t type_id = 0;
};

/// Puts special tokens around the tokens of a text or a pair. Thread-safe.
///
/// Source: tokenizers 0.22.2, processors/template.rs and processors/bert.rs.
class Template {
 public:
  /// single holds text 0 once, pair holds texts 0 and 1 once each.
  Template(std::vector<TemplatePiece> single, std::vector<TemplatePiece> pair);

  std::size_t special_tokens(bool pair) const;

  /// Builds the encoding of the first windows, and of the further ones when they are wanted.
  /// `second` is null for a single text.
  Encoding apply(const Tokens& first,
                 const Tokens* second,
                 const Windows& windows,
                 const EncodeOptions& options) const;

 private:
  std::vector<TemplatePiece> single_;
  std::vector<TemplatePiece> pair_;
};

}  // namespace millrace::pipeline
