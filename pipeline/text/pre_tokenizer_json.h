#pragma once

#include "pipeline/text/json_reader.h"
#include "pipeline/text/tokenizer_json.h"

namespace millrace::pipeline {

/// Reads the pre-tokenizer of a tokenizer.json; null cuts nothing. Errors are noted in `in`.
void read_pre_tokenizer(JsonReader& in, const Place& place, TokenizerSpec& spec);

}  // namespace millrace::pipeline
