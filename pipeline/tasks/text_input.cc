#include "pipeline/tasks/text_input.h"

#include "config/base/limits.h"
#include "config/base/utf8.h"

#include <algorithm>
#include <string>
#include <utility>

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

/// What an object says: its text, and a text_pair that may be null.
struct Members {
  const Json* text = nullptr;
  const Json* pair = nullptr;
};

Result<Members> members_of(const Json& object) {
  Members members;
  for (const auto& member : object.items()) {
    if (member.key() == "text") {
      members.text = &member.value();
    } else if (member.key() == "text_pair") {
      members.pair = &member.value();
    } else {
      return error(Errc::invalid_input,
                   "BAD_INPUT",
                   "input: expected an object with text and text_pair alone, found another key; "
                   "name the text's field with read:");
    }
  }
  if (members.text == nullptr) {
    return error(
        Errc::invalid_input, "BAD_INPUT", "input: expected an object with text, found none");
  }
  return members;
}

Result<TextInput> read_object(const Json& object) {
  const auto members = members_of(object);
  if (!members) return members.error();
  return read_pair(*members->text, members->pair);
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

Result<std::vector<std::string_view>> words_of(const Json& value, std::string_view name) {
  if (!value.is_array()) {
    return bad_input(fmt::format(
        "with is_split_into_words a list of words is expected as {}, found {}; send the words as "
        "a list of strings",
        name,
        value.type_name()));
  }
  std::vector<std::string_view> words;
  words.reserve(value.size());
  for (const Json& word : value) {
    auto text = read_text(word, "word");
    if (!text) return std::move(text).error();
    words.push_back(*text);
  }
  return words;
}

Result<WordInput> read_words_of_one(const Json& value) {
  Members members{.text = &value};
  if (value.is_object()) {
    const auto found = members_of(value);
    if (!found) return found.error();
    members = *found;
  }
  WordInput input;
  auto first = words_of(*members.text, "text");
  if (!first) return std::move(first).error();
  input.words = *std::move(first);
  if (members.pair == nullptr || members.pair->is_null()) return input;
  auto second = words_of(*members.pair, "text_pair");
  if (!second) return std::move(second).error();
  if (!second->empty()) input.pair = *std::move(second);
  return input;
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

Result<WordInputs> read_words(const Json& input) {
  WordInputs inputs;
  // The words of one text are strings; no words at all are one text, too.
  inputs.is_list =
      input.is_array() && !input.empty() &&
      std::all_of(input.begin(), input.end(), [](const Json& one) { return one.is_structured(); });
  if (!inputs.is_list) {
    auto one = read_words_of_one(input);
    if (!one) return std::move(one).error();
    inputs.texts.push_back(*std::move(one));
    return inputs;
  }
  if (auto fits = check_count(input.size()); !fits) return std::move(fits).error();
  inputs.texts.reserve(input.size());
  for (const Json& element : input) {
    auto one = read_words_of_one(element);
    if (!one) return std::move(one).error();
    inputs.texts.push_back(*std::move(one));
  }
  return inputs;
}

}  // namespace millrace::pipeline
