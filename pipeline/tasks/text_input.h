#pragma once

#include "config/base/json.h"
#include "config/base/result.h"

#include <cstddef>
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

/// One text that is cut into words already, or a pair of them. Views into the record's document.
struct WordInput {
  std::vector<std::string_view> words;
  std::optional<std::vector<std::string_view>> pair;
};

/// The same for a whole record; `is_list` as in TextInputs.
struct WordInputs {
  std::vector<WordInput> texts;
  bool is_list = false;
};

enum class Pairs : std::uint8_t { refused, accepted };

/// Says what is wrong with the input of a record (BAD_INPUT). Takes no text of the record.
Error bad_input(std::string_view what);

/// Says whether a record may hold so many texts, or whatever else multiplies its cost; what: how
/// messages call them. Error: TOO_MANY_TEXTS.
Result<void> check_count(std::size_t count, std::string_view what = "texts");

/// Reads one text; name: how messages call it. Errors: BAD_INPUT, BAD_UTF8, TOO_LARGE.
Result<std::string_view> read_text(const Json& value, std::string_view name);

/// Reads what a text task takes from a record: a string, with `Pairs::accepted` also `{"text",
/// "text_pair"}` and the old form `[["a", "b"]]`; or a list of these.
///
/// The views live as long as `input`. Errors (invalid_input): BAD_INPUT, BAD_UTF8, TOO_LARGE,
/// TOO_MANY_TEXTS. Messages carry no text of the record.
Result<TextInputs> read_texts(const Json& input, Pairs pairs);

/// Reads texts that are cut into words: a list of words, or `{"text", "text_pair"}` with two such
/// lists; or a list of these. A pair without words is none, as in transformers.
///
/// Views and errors as in read_texts().
Result<WordInputs> read_words(const Json& input);

}  // namespace millrace::pipeline
