#include "pipeline/tasks/parameters.h"

#include "config/schema/suggest.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::pipeline {
namespace {

constexpr std::size_t kMaxShownBytes = 80;

/// ASCII only: the names of choices are ASCII, and no locale may change how a topology is read.
std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

std::vector<std::string> names_of(std::span<const Parameter> known) {
  std::vector<std::string> names;
  names.reserve(known.size());
  for (const Parameter& parameter : known) names.emplace_back(parameter.name);
  return names;
}

/// Says what may stand instead of an unknown name.
std::string hint_for(const std::string& name,
                     std::span<const std::string> known,
                     const Elsewhere& elsewhere) {
  const std::vector<std::string> others = names_of(elsewhere.names);
  if (std::find(others.begin(), others.end(), name) != others.end())
    return fmt::format("give it in {}", elsewhere.place);
  return config::suggestion(name, known);
}

}  // namespace

std::string found(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return "null";
    case Json::value_t::boolean:
      return value.get<bool>() ? "true" : "false";
    case Json::value_t::string:
      return fmt::format("the text \"{}\"",
                         config::escape_line(value.get_ref<const std::string&>(), kMaxShownBytes));
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
      return fmt::format("the integer {}", value.dump());
    case Json::value_t::number_float:
      return fmt::format("the number {}", value.dump());
    case Json::value_t::array:
      return "a list";
    case Json::value_t::object:
      return "an object";
    case Json::value_t::binary:
    case Json::value_t::discarded:
      break;
  }
  return "a binary value";
}

std::string one_of(std::span<const std::string_view> choices) {
  std::vector<std::string> names(choices.begin(), choices.end());
  return config::listed(names, "or");
}

ParameterReader::ParameterReader(const Json& object,
                                 std::span<const Parameter> known,
                                 std::string place,
                                 std::vector<Error>& errors,
                                 Elsewhere elsewhere)
    : object_(object), place_(std::move(place)), errors_(errors) {
  if (!object_.is_object()) {
    errors_.push_back(
        error(Errc::invalid_input,
              "BAD_PARAMETER",
              fmt::format("{}: expected an object, found {}", place_, found(object_))));
    return;
  }
  const std::vector<std::string> names = names_of(known);
  for (const auto& member : object_.items()) {
    if (std::find(names.begin(), names.end(), member.key()) != names.end()) continue;
    errors_.push_back(error(Errc::invalid_input,
                            "UNKNOWN_PARAMETER",
                            fmt::format("{}: the task has no parameter \"{}\"; {}",
                                        place_,
                                        config::escape_line(member.key(), kMaxShownBytes),
                                        hint_for(member.key(), names, elsewhere))));
  }
}

const Json* ParameterReader::find(std::string_view name) const {
  if (!object_.is_object()) return nullptr;
  const auto at = object_.find(name);
  return at == object_.end() ? nullptr : &*at;
}

const Json* ParameterReader::given(std::string_view name) const {
  const Json* value = find(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::optional<bool> ParameterReader::flag(std::string_view name) {
  const Json* value = given(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  bad(name, "true or false");
  return std::nullopt;
}

std::optional<std::int64_t> ParameterReader::integer(std::string_view name,
                                                     std::int64_t least,
                                                     std::int64_t most) {
  const Json* value = given(name);
  if (value == nullptr) return std::nullopt;
  const bool beyond = value->is_number_unsigned() &&
                      value->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX);
  if (value->is_number_integer() && !beyond) {
    const auto number = value->get<std::int64_t>();
    if (number >= least && number <= most) return number;
  }
  bad(name, fmt::format("an integer of {} to {}", least, most));
  return std::nullopt;
}

std::optional<std::string> ParameterReader::choice(std::string_view name,
                                                   std::span<const std::string_view> choices) {
  const Json* value = given(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) {
    std::string word = lower(value->get_ref<const std::string&>());
    if (std::find(choices.begin(), choices.end(), word) != choices.end()) return word;
  }
  bad(name, one_of(choices));
  return std::nullopt;
}

void ParameterReader::bad(std::string_view name, std::string_view expected) {
  const Json* value = find(name);
  errors_.push_back(error(Errc::invalid_input,
                          "BAD_PARAMETER",
                          fmt::format("{}.{}: expected {}, found {}",
                                      place_,
                                      name,
                                      expected,
                                      value == nullptr ? "nothing" : found(*value))));
}

}  // namespace millrace::pipeline
