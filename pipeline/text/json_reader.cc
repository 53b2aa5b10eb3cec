#include "pipeline/text/json_reader.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::pipeline {
namespace {

std::string escaped(const std::string& key) {
  std::string out;
  for (const char c : key) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

std::string_view kind(const Place& place) { return place ? place.json->type_name() : "nothing"; }

}  // namespace

Place element(const Place& array, std::size_t index) {
  return {&(*array.json)[index], fmt::format("{}/{}", array.pointer, index)};
}

void JsonReader::bad(const std::string& pointer,
                     std::string_view expected,
                     std::string_view found) {
  if (error_) return;
  error_ = config::error(
      Errc::invalid_input,
      "BAD_TOKENIZER",
      fmt::format("{} {}: expected {}, found {}; save the tokenizer again or copy the file anew",
                  file_,
                  pointer,
                  expected,
                  found));
}

void JsonReader::unsupported(const std::string& pointer,
                             std::string_view found,
                             std::string_view supported) {
  if (error_) return;
  error_ = config::error(
      Errc::unsupported,
      "UNSUPPORTED_TOKENIZER",
      fmt::format("{} {}: found {}; supported: {}; use a checkpoint of a supported family",
                  file_,
                  pointer,
                  found,
                  supported));
}

Place JsonReader::child(const Place& object, const std::string& key) {
  Place place{.json = nullptr, .pointer = object.pointer + "/" + escaped(key)};
  if (!object || !object.json->is_object()) return place;
  const auto found = object.json->find(key);
  if (found != object.json->end() && !found->is_null()) place.json = &*found;
  return place;
}

void JsonReader::only(const Place& object, std::initializer_list<std::string_view> known) {
  if (!object || !object.json->is_object()) return;
  for (const auto& [key, value] : object.json->items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    unsupported(object.pointer + "/" + escaped(key),
                "an unknown key",
                fmt::format("{}", fmt::join(known, ", ")));
  }
}

bool JsonReader::object(const Place& place) {
  if (place && place.json->is_object()) return true;
  bad(place.pointer, "an object", kind(place));
  return false;
}

bool JsonReader::array(const Place& place) {
  if (place && place.json->is_array()) return true;
  bad(place.pointer, "an array", kind(place));
  return false;
}

std::string JsonReader::text(const Place& place) {
  if (place && place.json->is_string()) return place.json->get<std::string>();
  bad(place.pointer, "a string", kind(place));
  return {};
}

std::optional<std::string> JsonReader::optional_text(const Place& place) {
  return place ? std::optional(text(place)) : std::nullopt;
}

bool JsonReader::flag(const Place& place, bool missing) {
  return optional_flag(place).value_or(missing);
}

std::optional<bool> JsonReader::optional_flag(const Place& place) {
  if (!place) return std::nullopt;
  if (place.json->is_boolean()) return place.json->get<bool>();
  bad(place.pointer, "true or false", kind(place));
  return std::nullopt;
}

std::int32_t JsonReader::number(const Place& place, std::int32_t most) {
  if (place && place.json->is_number_integer()) {
    const auto value = place.json->get<std::int64_t>();
    if (value >= 0 && value <= most) return static_cast<std::int32_t>(value);
  }
  bad(place.pointer, fmt::format("a whole number from 0 to {}", most), kind(place));
  return 0;
}

}  // namespace millrace::pipeline
