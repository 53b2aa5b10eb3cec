#pragma once

#include "config/base/result.h"
#include "pipeline/text/sentencepiece.h"
#include "pipeline/text/tokenizer_config.h"
#include "pipeline/text/tokenizer_json.h"

#include <optional>
#include <string>
#include <string_view>

namespace millrace::pipeline {

/// The SentencePiece file that a class reads where a folder has no tokenizer.json; nothing for
/// classes that are not built from one here.
std::optional<std::string> sentencepiece_file_of(std::string_view tokenizer_class);

/// The classes that sentencepiece_file_of() knows, with commas between, for messages.
std::string sentencepiece_classes();

/// Builds what transformers' converter of the settings' class builds from a SentencePiece file. The
/// class must be one that sentencepiece_file_of() knows.
///
/// file: its name, for messages. config: gets the special tokens that the class's slow form has, as
/// the converter starts from that. Errors: BAD_TOKENIZER (invalid_input), UNSUPPORTED_TOKENIZER
/// (unsupported).
/// Source: transformers 4.57, convert_slow_tokenizer.py and models/*/tokenization_*.py.
Result<TokenizerSpec> sentencepiece_spec(SentencePieceModel model,
                                         const std::string& file,
                                         TokenizerConfig& config);

}  // namespace millrace::pipeline
