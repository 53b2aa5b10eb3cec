#include "pipeline/tasks/text_input.h"

#include "config/base/limits.h"
#include "config/base/utf8.h"

#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::pipeline {
namespace {

Error unexpected(std::string_view expected, const Json& value) {
  return bad_input(fmt::format("expected {}, found {}", expected, value.type_name()));
}

std::string_view expected_of(Pairs pairs) {
  return pairs == Pairs::accepted ? "a text, an object with text and text_pair, or a list of "
                                    "these; name the field with read:"
                                  : "a text or a list of texts; name the field with read:";
}

Result<TextInput> read_pair(const Json& text, const Json* pair) {
  auto first = read_text(text, "text");
  if (!first) return std::move(first).error();
  if (pair == nullptr || pair->is_null()) return TextInput{*first, std::nullopt};
  auto second = read_text(*pair, "text_pair");
  if (!second) return std::move(second).error();
  // transformers asks whether the pair is true, and an empty text is not.
  if (second->empty()) return TextInput{*first, std::nullopt};
  return TextInput{*first, *second};
}

Result<TextInput> read_object(const Json& object) {
  const Json* text = nullptr;
  const Json* pair = nullptr;
  for (const auto& member : object.items()) {
    if (member.key() == "text") {
      text = &member.value();
    } else if (member.key() == "text_pair") {
      pair = &member.value();
    } else {
      return error(Errc::invalid_input,
                   "BAD_INPUT",
                   "input: expected an object with text and text_pair alone, found another key; "
                   "name the text's field with read:");
    }
  }
  if (text == nullptr) {
    return error(
        Errc::invalid_input, "BAD_INPUT", "input: expected an object with text, found none");
  }
  return read_pair(*text, pair);
}

/// The form that transformers keeps for old callers: a list holding one list of two strings.
bool is_legacy_pair(const Json& value) {
  return value.is_array() && value.size() == 1 && value[0].is_array() && value[0].size() == 2 &&
         value[0][0].is_string() && value[0][1].is_string();
}

Result<TextInput> read_one(const Json& value, Pairs pairs) {
  if (value.is_string()) return read_pair(value, nullptr);
  if (pairs == Pairs::accepted && value.is_object()) return read_object(value);
  if (pairs == Pairs::accepted && is_legacy_pair(value)) {
    return read_pair(value[0][0], &value[0][1]);
  }
  return unexpected(expected_of(pairs), value);
}

}  // namespace

Error bad_input(std::string_view what) {
  return error(Errc::invalid_input, "BAD_INPUT", fmt::format("input: {}", what));
}

Result<void> check_count(std::size_t count, std::string_view what) {
  if (count <= config::kMaxTextsPerRecord) return {};
  return error(Errc::invalid_input,
               "TOO_MANY_TEXTS",
               fmt::format("input: expected at most {} {} in a record, found {}",
                           config::kMaxTextsPerRecord,
                           what,
                           count));
}

Result<std::string_view> read_text(const Json& value, std::string_view name) {
  if (!value.is_string())
    return bad_input(fmt::format("expected a string as {}, found {}", name, value.type_name()));
  const std::string_view text = value.get_ref<const std::string&>();
  if (text.size() > config::kMaxTextBytes) {
    return error(
        Errc::invalid_input,
        "TOO_LARGE",
        fmt::format(
            "{}: expected at most {} bytes, found {}", name, config::kMaxTextBytes, text.size()));
  }
  if (const auto at = config::invalid_utf8_at(text)) {
    return error(
        Errc::invalid_input, "BAD_UTF8", fmt::format("{}: not valid UTF-8 at byte {}", name, *at));
  }
  // Fewer bytes than the limit has code points cannot exceed it.
  if (text.size() <= config::kMaxTextCodePoints) return text;
  const std::size_t code_points = config::count_code_points(text);
  if (code_points > config::kMaxTextCodePoints) {
    return error(Errc::invalid_input,
                 "TOO_LARGE",
                 fmt::format("{}: expected at most {} code points, found {}",
                             name,
                             config::kMaxTextCodePoints,
                             code_points));
  }
  return text;
}

Result<TextInputs> read_texts(const Json& input, Pairs pairs) {
  TextInputs inputs;
  inputs.is_list = input.is_array() && !(pairs == Pairs::accepted && is_legacy_pair(input));
  if (!inputs.is_list) {
    auto one = read_one(input, pairs);
    if (!one) return std::move(one).error();
    inputs.texts.push_back(*one);
    return inputs;
  }
  if (auto fits = check_count(input.size()); !fits) return std::move(fits).error();
  inputs.texts.reserve(input.size());
  for (const Json& element : input) {
    auto one = read_one(element, pairs);
    if (!one) return std::move(one).error();
    inputs.texts.push_back(*one);
  }
  return inputs;
}

}  // namespace millrace::pipeline
