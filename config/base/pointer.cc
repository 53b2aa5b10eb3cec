#include "config/base/pointer.h"

#include <charconv>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::config {
namespace {

/// Reads an array index as RFC 6901 spells it: no sign, no leading zero.
std::optional<std::size_t> array_index(std::string_view step) {
  if (step.empty() || (step.size() > 1 && step.front() == '0')) return std::nullopt;
  std::size_t index = 0;
  const auto [end, problem] = std::from_chars(step.data(), step.data() + step.size(), index);
  if (problem != std::errc() || end != step.data() + step.size()) return std::nullopt;
  return index;
}

Error bad_pointer(std::string_view text, std::string_view expected) {
  return error(
      Errc::invalid_input,
      "BAD_POINTER",
      fmt::format("not a JSON Pointer: {}: expected {}", escape_line(text, 128), expected));
}

/// Undoes `~1` and `~0`. Nothing for any other `~`.
std::optional<std::string> unescape(std::string_view step) {
  std::string out;
  for (std::size_t i = 0; i < step.size(); ++i) {
    if (step[i] != '~') {
      out += step[i];
      continue;
    }
    const char code = i + 1 < step.size() ? step[i + 1] : '\0';
    if (code != '0' && code != '1') return std::nullopt;
    out += code == '0' ? '~' : '/';
    ++i;
  }
  return out;
}

}  // namespace

Result<Pointer> Pointer::parse(std::string_view text) {
  Pointer pointer;
  if (text.empty()) return pointer;
  if (text.front() != '/')
    return bad_pointer(text, "'/' at the start, or nothing for the whole document");
  std::string_view rest = text;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::size_t end = std::min(rest.find('/'), rest.size());
    auto step = unescape(rest.substr(0, end));
    if (!step) return bad_pointer(text, "'~0' for '~' or '~1' for '/' after each '~'");
    pointer.steps_.push_back(*std::move(step));
    rest.remove_prefix(end);
  }
  return pointer;
}

const Json* Pointer::find(const Json& document) const {
  const Json* at = &document;
  for (const std::string& step : steps_) {
    if (at->is_object()) {
      const auto member = at->find(step);
      if (member == at->end()) return nullptr;
      at = &*member;
      continue;
    }
    if (!at->is_array()) return nullptr;
    const auto index = array_index(step);
    if (!index || *index >= at->size()) return nullptr;
    at = &(*at)[*index];
  }
  return at;
}

Result<void> Pointer::put(Json& document, Json value) const {
  Json* at = &document;
  for (const std::string& step : steps_) {
    if (at->is_null()) *at = Json::object();
    if (at->is_object()) {
      at = &(*at)[step];
      continue;
    }
    if (!at->is_array()) {
      return error(Errc::invalid_input,
                   "BAD_WRITE",
                   fmt::format("{}: expected an object or an array before '{}', found {}",
                               text(),
                               step,
                               at->type_name()));
    }
    const auto index = step == "-" ? std::optional(at->size()) : array_index(step);
    if (!index || *index > at->size()) {
      return error(
          Errc::invalid_input,
          "BAD_WRITE",
          fmt::format("{}: expected an index from 0 to {}, found '{}'", text(), at->size(), step));
    }
    if (*index == at->size()) at->push_back(nullptr);
    at = &(*at)[*index];
  }
  *at = std::move(value);
  return {};
}

bool Pointer::erase(Json& document) const {
  if (find(document) == nullptr) return false;
  if (steps_.empty()) {
    document = nullptr;
    return true;
  }
  Pointer parent = *this;
  parent.steps_.pop_back();
  Json& holder = const_cast<Json&>(*parent.find(document));
  if (holder.is_object()) {
    holder.erase(steps_.back());
  } else {
    holder.erase(*array_index(steps_.back()));
  }
  return true;
}

std::string Pointer::text() const {
  std::string out;
  for (const std::string& step : steps_) {
    out += '/';
    for (const char c : step) {
      if (c == '~') {
        out += "~0";
      } else if (c == '/') {
        out += "~1";
      } else {
        out += c;
      }
    }
  }
  return out;
}

}  // namespace millrace::config
