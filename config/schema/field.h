#pragma once

#include "config/base/result.h"
#include "config/base/secret.h"
#include "config/schema/node.h"
#include "config/schema/quantity.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::config {

class Schema;

/// What may stand in a field, beyond its type. All parts are optional.
struct Attributes {
  /// Bounds: numbers as they are, durations in milliseconds, sizes in bytes, text in code points,
  /// lists in entries.
  std::optional<double> min = {};
  std::optional<double> max = {};
  std::string_view unit = {};  // of a bare number: `tokens`
  bool required = false;
  /// What the words of a text field may be; empty allows any.
  std::vector<std::string> choices = {};
  /// What an absent value means, when the default does not say it: `measured`.
  std::string_view absent = {};
  /// A list may also be written as its single entry: `topics: a` for `topics: [a]`.
  bool one_is_a_list = false;
};

/// How a value is written, for the reference page and JSON Schema.
enum class Shape : std::uint8_t {
  boolean,
  integer,
  number,
  text,
  secret,
  duration,
  byte_size,
  rate,
  choice,
  texts,
  text_map,
  object,
  object_map,
  object_list,
  any,
};

/// What tools know about a field.
struct FieldInfo {
  std::string name;
  std::string sentence;
  Shape shape = Shape::any;
  std::string words;  // the type for readers: `whole number`, `duration`
  std::string default_text;
  Attributes attributes;
  const Schema* nested = nullptr;  // of object, object_map, object_list
};

/// A value for printing: a scalar, or children.
struct Shown {
  enum class Kind : std::uint8_t { scalar, map, list, absent };

  std::string key;
  Kind kind = Kind::scalar;
  std::string
      value;  // of a scalar, spelt as YAML; secrets are `***`. Of an absent one, what that means.
  std::vector<Shown> children = {};
};

/// Returns a node as it was written: variables are named, not resolved.
Shown shown_node(const Node& node);

/// Says whether a free-form option of this name holds something that must not be printed
/// (`sasl.password`).
bool names_a_secret(std::string_view key);

std::string child_path(std::string_view path, std::string_view key);
std::string item_path(std::string_view path, std::size_t index);

/// Reads, prints and describes one type of value. read() fails with a message "expected …, found
/// …".
template <typename V>
struct Value;

// The workhorses behind Value, so that the templates stay thin.
Result<bool> read_bool(const Node& node);
Result<std::int64_t> read_integer(const Node& node,
                                  const Attributes& attributes,
                                  double type_min,
                                  double type_max);
Result<double> read_number(const Node& node, const Attributes& attributes);
Result<std::string> read_text(const Node& node, const Attributes& attributes);
Result<Secret> read_secret(const Node& node);
Result<std::chrono::milliseconds> read_duration(const Node& node, const Attributes& attributes);
Result<ByteSize> read_byte_size(const Node& node, const Attributes& attributes);
Result<Rate> read_rate(const Node& node, const Attributes& attributes);
Result<std::vector<std::string>> read_texts(const Node& node, const Attributes& attributes);
Result<std::map<std::string, std::string>> read_text_map(const Node& node);
/// Returns the index of the word among the choices.
Result<std::size_t> read_choice(const Node& node, const std::vector<std::string>& choices);
Shown shown_texts(const std::vector<std::string>& texts);
Shown shown_text_map(const std::map<std::string, std::string>& map);

inline Shown shown_scalar(std::string text) { return {.value = std::move(text)}; }

template <>
struct Value<bool> {
  static constexpr Shape kShape = Shape::boolean;
  static constexpr std::string_view kWords = "true or false";

  static Result<bool> read(const Node& node, const Attributes&) { return read_bool(node); }

  static Shown show(bool value) { return shown_scalar(value ? "true" : "false"); }
};

template <typename Integer>
struct IntegerValue {
  static constexpr Shape kShape = Shape::integer;
  static constexpr std::string_view kWords = "whole number";

  static Result<Integer> read(const Node& node, const Attributes& attributes) {
    using Limits = std::numeric_limits<Integer>;
    auto value = read_integer(
        node, attributes, static_cast<double>(Limits::min()), static_cast<double>(Limits::max()));
    if (!value) return std::move(value).error();
    return static_cast<Integer>(*value);
  }

  static Shown show(Integer value) { return shown_scalar(std::to_string(value)); }
};

template <>
struct Value<std::int32_t> : IntegerValue<std::int32_t> {};

template <>
struct Value<std::int64_t> : IntegerValue<std::int64_t> {};

template <>
struct Value<std::uint16_t> : IntegerValue<std::uint16_t> {};

template <>
struct Value<std::uint32_t> : IntegerValue<std::uint32_t> {};

template <>
struct Value<std::size_t> : IntegerValue<std::size_t> {};

template <>
struct Value<double> {
  static constexpr Shape kShape = Shape::number;
  static constexpr std::string_view kWords = "number";

  static Result<double> read(const Node& node, const Attributes& attributes) {
    return read_number(node, attributes);
  }

  static Shown show(double value) { return shown_scalar(number_text(value)); }
};

template <>
struct Value<std::string> {
  static constexpr Shape kShape = Shape::text;
  static constexpr std::string_view kWords = "text";

  static Result<std::string> read(const Node& node, const Attributes& attributes) {
    return read_text(node, attributes);
  }

  static Shown show(const std::string& value) { return shown_scalar(yaml_scalar(value)); }
};

template <>
struct Value<Secret> {
  static constexpr Shape kShape = Shape::secret;
  static constexpr std::string_view kWords = "secret text";

  static Result<Secret> read(const Node& node, const Attributes&) { return read_secret(node); }

  static Shown show(const Secret& value) { return shown_scalar(value.empty() ? "\"\"" : "'***'"); }
};

template <>
struct Value<std::chrono::milliseconds> {
  static constexpr Shape kShape = Shape::duration;
  static constexpr std::string_view kWords = "duration";

  static Result<std::chrono::milliseconds> read(const Node& node, const Attributes& attributes) {
    return read_duration(node, attributes);
  }

  static Shown show(std::chrono::milliseconds value) { return shown_scalar(to_string(value)); }
};

template <>
struct Value<ByteSize> {
  static constexpr Shape kShape = Shape::byte_size;
  static constexpr std::string_view kWords = "size";

  static Result<ByteSize> read(const Node& node, const Attributes& attributes) {
    return read_byte_size(node, attributes);
  }

  static Shown show(ByteSize value) { return shown_scalar(to_string(value)); }
};

template <>
struct Value<Rate> {
  static constexpr Shape kShape = Shape::rate;
  static constexpr std::string_view kWords = "rate";

  static Result<Rate> read(const Node& node, const Attributes& attributes) {
    return read_rate(node, attributes);
  }

  static Shown show(Rate value) { return shown_scalar(to_string(value)); }
};

template <>
struct Value<std::vector<std::string>> {
  static constexpr Shape kShape = Shape::texts;
  static constexpr std::string_view kWords = "list of text";

  static Result<std::vector<std::string>> read(const Node& node, const Attributes& attributes) {
    return read_texts(node, attributes);
  }

  static Shown show(const std::vector<std::string>& value) { return shown_texts(value); }
};

template <>
struct Value<std::map<std::string, std::string>> {
  static constexpr Shape kShape = Shape::text_map;
  static constexpr std::string_view kWords = "map of text";

  static Result<std::map<std::string, std::string>> read(const Node& node, const Attributes&) {
    return read_text_map(node);
  }

  static Shown show(const std::map<std::string, std::string>& value) {
    return shown_text_map(value);
  }
};

/// An optional is absent until written; `key: null` makes it absent again.
template <typename V>
struct Value<std::optional<V>> {
  static constexpr Shape kShape = Value<V>::kShape;
  static constexpr std::string_view kWords = Value<V>::kWords;

  static Result<std::optional<V>> read(const Node& node, const Attributes& attributes) {
    if (node.is_null()) return std::optional<V>();
    auto value = Value<V>::read(node, attributes);
    if (!value) return std::move(value).error();
    return std::optional<V>(*std::move(value));
  }

  static Shown show(const std::optional<V>& value) {
    return value ? Value<V>::show(*value) : Shown{.kind = Shown::Kind::absent};
  }
};

}  // namespace millrace::config
