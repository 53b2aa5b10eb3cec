#pragma once

#include "pipeline/text/json_reader.h"
#include "pipeline/text/tokenizer_json.h"

namespace millrace::pipeline {

/// Reads the normalizer of a tokenizer.json; null changes nothing. Errors are noted in `in`.
void read_normalizer(JsonReader& in, const Place& place, TokenizerSpec& spec);

}  // namespace millrace::pipeline
