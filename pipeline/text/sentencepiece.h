#pragma once

#include "config/base/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::pipeline {

/// What a SentencePiece file (sentencepiece.bpe.model, spiece.model, spm.model) says, as far as the
/// fast tokenizers of transformers look at it. How the file itself would cut or normalise a text
/// plays no part.
struct SentencePieceModel {
  enum class Kind : std::uint8_t { unigram = 1, bpe = 2, word = 3, character = 4 };
  enum class Type : std::uint8_t { normal = 1, unknown, control, user_defined, unused, byte };

  struct Piece {
    std::string text;  // valid UTF-8, not empty, without zero bytes
    float score = 0;   // finite
    Type type = Type::normal;
  };

  Kind kind = Kind::unigram;
  std::int32_t unknown_id = 0;  // as written: it may name no piece
  std::vector<Piece> pieces;    // at least one
  std::string charsmap;         // for Charsmap::read; empty: none
};

/// Reads a SentencePiece file, and lets the library judge its pieces: what transformers cannot load
/// is refused.
///
/// bytes: of the file. file: its name, for messages. The library has crashed on damaged files, so
/// it only sees pieces and settings that were read and judged here first; it never sees the
/// character map, nor the texts that a file brings to test itself with. Errors: BAD_TOKENIZER
/// (invalid_input).
Result<SentencePieceModel> read_sentencepiece(std::string_view bytes, const std::string& file);

}  // namespace millrace::pipeline
