#pragma once

#include "pipeline/text/json_reader.h"
#include "pipeline/text/normalizer_steps.h"

#include <vector>

namespace millrace::pipeline {

/// Reads what may stand before Unigram and byte-level BPE: normalizers, one or a Sequence of them;
/// none where there is no value. Errors are noted in `in`.
std::vector<NormalizerSteps::Step> read_normalizer_steps(JsonReader& in, const Place& place);

}  // namespace millrace::pipeline
