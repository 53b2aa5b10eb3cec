#pragma once

#include "pipeline/text/tokenizer.h"
#include "pipeline/text/truncation.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::pipeline {

/// White space at the ends of a token, in characters.
struct Trim {
  std::uint32_t leading = 0;
  std::uint32_t trailing = 0;
};

/// The tokens of one text before the template. `offsets` and `words` are empty unless they are
/// wanted.
struct Tokens {
  std::vector<std::int32_t> ids;
  std::vector<Offset> offsets;
  std::vector<std::int32_t> words;
  std::vector<Trim> trims;  // only where the template trims offsets

  void clear() {
    ids.clear();
    offsets.clear();
    words.clear();
    trims.clear();
  }
};

/// One place of a template: special tokens, or all tokens of a text.
struct TemplatePiece {
  int text = -1;                          // 0 first, 1 second, -1 special tokens
  std::vector<std::int32_t> special_ids;  // of a special piece
  std::int32_t type_id = 0;
  bool everywhere = false;  // the type id is that of further windows too
};

/// Puts special tokens around the tokens of a text or a pair. Thread-safe.
///
/// Source: tokenizers 0.22.2, processors/template.rs and processors/bert.rs.
class Template {
 public:
  /// single holds text 0 once, pair holds texts 0 and 1 once each.
  Template(std::vector<TemplatePiece> single, std::vector<TemplatePiece> pair);

  bool trims_offsets() const { return !trims_.empty(); }

  /// Trims the offsets of a window; trims: of each of its tokens.
  void trim_window(std::span<const Trim> trims, std::span<Offset> offsets) const;

  Trim trim_of_id(std::int32_t id) const { return trims_[static_cast<std::size_t>(id)]; }

  std::size_t special_tokens(bool pair) const;

  /// Builds the encoding of the first windows, and of the further ones when they are wanted.
  /// `second` is null for a single text.
  Encoding apply(const Tokens& first,
                 const Tokens* second,
                 const Windows& windows,
                 const EncodeOptions& options) const;

  static Trim trim_of(std::string_view token);

  /// From now on offsets leave out the white space of tokens, those of a window's first token but
  /// for a prefix space. by_id: of each token. Source: pre_tokenizers/byte_level.rs,
  /// process_offsets.
  void trim_offsets(std::vector<Trim> by_id, bool adds_prefix_space) {
    trims_ = std::move(by_id);
    adds_prefix_space_ = adds_prefix_space;
  }

 private:
  std::vector<TemplatePiece> single_;
  std::vector<TemplatePiece> pair_;
  std::vector<Trim> trims_;  // empty: offsets stay as they are
  bool adds_prefix_space_ = false;
};

}  // namespace millrace::pipeline
