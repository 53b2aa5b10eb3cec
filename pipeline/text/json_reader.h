#pragma once

#include "config/base/json.h"
#include "config/base/result.h"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::pipeline {

/// A value in a file and its JSON Pointer. No value: the key is missing or null.
struct Place {
  const Json* json = nullptr;
  std::string pointer;

  explicit operator bool() const { return json != nullptr; }
};

/// The value at a place of an array that has it.
Place element(const Place& array, std::size_t index);

/// Reads values of a model file and remembers the first thing that is wrong with it.
///
/// Getters go on with defaults after a failure, so a reader of a whole object asks ok() once, at
/// its end.
class JsonReader {
 public:
  /// file: its name, for messages.
  explicit JsonReader(std::string file) : file_(std::move(file)) {}

  bool ok() const { return !error_; }

  Error error() const { return *error_; }

  /// Notes that a value is not what it should be (BAD_TOKENIZER).
  void bad(const std::string& pointer, std::string_view expected, std::string_view found);
  /// Notes that a value is understood and not done (UNSUPPORTED_TOKENIZER).
  void unsupported(const std::string& pointer, std::string_view found, std::string_view supported);

  Place child(const Place& object, const std::string& key);
  /// Notes every key of an object that is not among `known`.
  void only(const Place& object, std::initializer_list<std::string_view> known);

  bool object(const Place& place);
  bool array(const Place& place);
  /// A text that must be there.
  std::string text(const Place& place);
  std::optional<std::string> optional_text(const Place& place);
  bool flag(const Place& place, bool missing);
  std::optional<bool> optional_flag(const Place& place);
  /// A whole number 0 … `most` that must be there.
  std::int32_t number(const Place& place, std::int32_t most);

 private:
  std::string file_;
  std::optional<Error> error_;
};

}  // namespace millrace::pipeline
