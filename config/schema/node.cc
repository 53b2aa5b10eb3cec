#include "config/schema/node.h"

#include "config/base/error.h"
#include "config/base/utf8.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::config {
namespace {

constexpr std::size_t kMaxShownBytes = 64;

std::optional<std::int64_t> based_integer(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x")) base = 16;
  if (text.starts_with("0o")) base = 8;
  std::string_view digits = base == 10 ? text : text.substr(2);
  if (base == 10 && digits.starts_with('+')) digits.remove_prefix(1);
  if (base != 10 && digits.starts_with('-')) return std::nullopt;
  if (text.starts_with("+-")) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, problem] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (digits.empty() || problem != std::errc() || end != digits.data() + digits.size())
    return std::nullopt;
  return value;
}

std::optional<double> core_float(std::string_view text) {
  std::string_view digits = text;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  if (digits == ".inf" || digits == ".Inf" || digits == ".INF") {
    const double infinity = std::numeric_limits<double>::infinity();
    return negative ? -infinity : infinity;
  }
  if (text == ".nan" || text == ".NaN" || text == ".NAN")
    return std::numeric_limits<double>::quiet_NaN();
  // from_chars also reads "inf" and "nan", which are words here.
  if (digits.empty() || digits.find_first_not_of("0123456789.eE+-") != std::string_view::npos)
    return std::nullopt;
  if (digits.front() == '-' || digits.front() == '+') return std::nullopt;
  double value = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (problem != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return negative ? -value : value;
}

bool is_word(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

Json core_scalar(std::string_view text) {
  if (is_word(text, {"", "~", "null", "Null", "NULL"})) return nullptr;
  if (is_word(text, {"true", "True", "TRUE"})) return true;
  if (is_word(text, {"false", "False", "FALSE"})) return false;
  if (const auto integer = based_integer(text)) return *integer;
  if (const auto number = core_float(text)) return *number;
  return std::string(text);
}

}  // namespace

const Node* Node::find(std::string_view key) const {
  for (const Member& member : members) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

std::string Node::described() const {
  switch (kind) {
    case Kind::sequence:
      return "a list";
    case Kind::map:
      return "a map";
    case Kind::scalar:
      if (!substituted.empty()) return "the value of " + substituted;
      return fmt::format("'{}'", escape_line(text, kMaxShownBytes));
    case Kind::null:
      break;
  }
  return "nothing";
}

Json to_json(const Node& node) {
  switch (node.kind) {
    case Node::Kind::scalar:
      return node.quoted ? Json(node.text) : core_scalar(node.text);
    case Node::Kind::sequence: {
      Json array = Json::array();
      for (const Node& item : node.items) array.push_back(to_json(item));
      return array;
    }
    case Node::Kind::map: {
      Json object = Json::object();
      for (const Member& member : node.members) object.emplace(member.key, to_json(member.value));
      return object;
    }
    case Node::Kind::null:
      break;
  }
  return nullptr;
}

std::string yaml_quoted(std::string_view text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";
  // Booleans of YAML 1.1, which older readers still take for such.
  static constexpr std::array<std::string_view, 16> kOldBooleans = {"yes",
                                                                    "no",
                                                                    "on",
                                                                    "off",
                                                                    "Yes",
                                                                    "No",
                                                                    "On",
                                                                    "Off",
                                                                    "YES",
                                                                    "NO",
                                                                    "ON",
                                                                    "OFF",
                                                                    "y",
                                                                    "n",
                                                                    "Y",
                                                                    "N"};
  const bool plain =
      !text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos &&
      text.front() != '-' && core_scalar(text).is_string() &&
      std::find(kOldBooleans.begin(), kOldBooleans.end(), text) == kOldBooleans.end();
  if (plain) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  out += '"';
  return out;
}

std::string yaml_scalar(std::string_view text) {
  std::string escaped;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 2) == "${") escaped += '$';
    escaped += text[i];
  }
  return yaml_quoted(escaped);
}

std::string yaml_spelling(const Node& node) {
  const bool is_text = node.quoted || core_scalar(node.text).is_string();
  return is_text ? yaml_scalar(node.text) : node.text;
}

}  // namespace millrace::config
