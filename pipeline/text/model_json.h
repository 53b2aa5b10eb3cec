#pragma once

#include "pipeline/text/json_reader.h"
#include "pipeline/text/tokenizer_json.h"

namespace millrace::pipeline {

/// Reads the model of a tokenizer.json. Errors are noted in `in`.
void read_model(JsonReader& in, const Place& place, TokenizerSpec& spec);

/// Reads a vocabulary: token to id. Errors are noted in `in`.
void read_vocabulary(JsonReader& in, const Place& place, TokenizerSpec& spec);

}  // namespace millrace::pipeline
