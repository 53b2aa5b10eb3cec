#pragma once

#include "pipeline/text/json_reader.h"
#include "pipeline/text/tokenizer_json.h"

namespace millrace::pipeline {

/// Reads the model of type Unigram. Errors are noted in `in`.
void read_unigram(JsonReader& in, const Place& place, TokenizerSpec& spec);

}  // namespace millrace::pipeline
