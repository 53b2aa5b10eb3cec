#pragma once

#include "pipeline/text/json_reader.h"
#include "pipeline/text/regex.h"

#include <optional>

namespace millrace::pipeline {

/// Reads and compiles a pattern. What is wrong with it is noted in `in`.
std::optional<Regex> read_regex(JsonReader& in, const Place& place);

}  // namespace millrace::pipeline
