#pragma once

#include "config/base/json.h"
#include "config/base/result.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::pipeline {

/// One call-time argument of a task, as the reference page and lint show it.
struct Parameter {
  std::string_view name;
  std::string_view type;
  std::string_view sentence;
};

/// Names that are known at another place, so that a complaint can send the reader there.
struct Elsewhere {
  std::span<const Parameter> names;
  std::string_view place;  // "parameters.tokenize_kwargs"
};

/// Reads a parameter object strictly and collects everything that is wrong with it.
///
/// null counts as "not given", as None does in transformers; where null means something, look with
/// `find`. Errors (invalid_input): UNKNOWN_PARAMETER with the closest name, BAD_PARAMETER with
/// expected and found.
class ParameterReader {
 public:
  /// object: an object; anything else is one BAD_PARAMETER. place: how messages call it
  /// ("parameters"). Both `known` and `errors` must outlive the reader.
  ParameterReader(const Json& object,
                  std::span<const Parameter> known,
                  std::string place,
                  std::vector<Error>& errors,
                  Elsewhere elsewhere = {});

  /// Returns the value, null pointer when the name is absent.
  const Json* find(std::string_view name) const;

  std::optional<bool> flag(std::string_view name);

  /// bounds: both ends included.
  std::optional<std::int64_t> integer(std::string_view name, std::int64_t least, std::int64_t most);

  /// Returns the choice in lower case; case does not count.
  std::optional<std::string> choice(std::string_view name,
                                    std::span<const std::string_view> choices);

  /// Reports a value that is not what the parameter takes.
  void bad(std::string_view name, std::string_view expected);

 private:
  const Json* given(std::string_view name) const;

  const Json& object_;
  std::string place_;
  std::vector<Error>& errors_;
};

/// Says what a value is, for messages: `the text "bogus"`, `the integer 3`, `a list`. At most one
/// line.
std::string found(const Json& value);

/// Returns `a`, `b` or `c` for messages.
std::string one_of(std::span<const std::string_view> choices);

}  // namespace millrace::pipeline
