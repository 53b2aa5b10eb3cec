#pragma once

#include "pipeline/text/json_reader.h"
#include "pipeline/text/tokenizer_json.h"

namespace millrace::pipeline {

/// Reads the model of type Unigram. Errors are noted in `in`.
void read_unigram(JsonReader& in, const Place& place, TokenizerSpec& spec);

/// Makes Unigram the model of `spec`. Of equal pieces the last is the token of that name.
void set_unigram(UnigramSpec unigram, TokenizerSpec& spec);

}  // namespace millrace::pipeline
