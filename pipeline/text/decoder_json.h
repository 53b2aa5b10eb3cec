#pragma once

#include "pipeline/text/decoder.h"
#include "pipeline/text/json_reader.h"

#include <vector>

namespace millrace::pipeline {

/// Reads the decoder of a tokenizer.json; a missing one puts spaces between the tokens.
std::vector<Decoder::Step> read_decoder(JsonReader& in, const Place& place);

}  // namespace millrace::pipeline
