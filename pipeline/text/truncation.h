#pragma once

#include "config/base/result.h"
#include "pipeline/text/tokenizer.h"

#include <cstddef>
#include <optional>
#include <vector>

namespace millrace::pipeline {

/// Tokens begin … end (not included) of one text.
struct Window {
  std::size_t begin = 0;
  std::size_t end = 0;

  std::size_t size() const { return end - begin; }

  friend bool operator==(const Window&, const Window&) = default;
};

/// The windows over each text: the first is what is kept, the others repeat `stride` tokens and go
/// on.
struct Windows {
  std::vector<Window> first;
  std::vector<Window> second;  // one empty window when there is no second text

  bool truncated() const { return first.size() > 1 || second.size() > 1; }
};

/// Says which tokens to keep of a text, or of a pair.
///
/// first, second: tokens of the texts. specials: tokens that the template will add.
/// Errors (invalid_input): BAD_TRUNCATION.
/// Source: tokenizers 0.22.2, utils/truncation.rs and Encoding::truncate.
Result<Windows> truncate(std::size_t first,
                         std::optional<std::size_t> second,
                         std::size_t specials,
                         const Truncation& truncation);

}  // namespace millrace::pipeline
