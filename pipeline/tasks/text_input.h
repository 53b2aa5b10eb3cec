#pragma once

#include "config/base/json.h"
#include "config/base/result.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace millrace::pipeline {

/// One text, or a pair that the model reads together. Views into the record's document.
struct TextInput {
  std::string_view text;
  std::optional<std::string_view> pair;
};

/// The inputs of one record. `is_list`: the record held a list, so its result is a list too.
struct TextInputs {
  std::vector<TextInput> texts;
  bool is_list = false;
};

enum class Pairs : std::uint8_t { refused, accepted };

/// Reads what a text task takes from a record: a string, with `Pairs::accepted` also `{"text",
/// "text_pair"}` and the old form `[["a", "b"]]`; or a list of these.
///
/// The views live as long as `input`. Errors (invalid_input): BAD_INPUT, BAD_UTF8, TOO_LARGE,
/// TOO_MANY_TEXTS. Messages carry no text of the record.
Result<TextInputs> read_texts(const Json& input, Pairs pairs);

}  // namespace millrace::pipeline
