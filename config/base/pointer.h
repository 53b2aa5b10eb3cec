#pragma once

#include "config/base/json.h"
#include "config/base/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace millrace::config {

/// A place in a document, RFC 6901. Compiled once, used for every record.
class Pointer {
 public:
  /// The whole document.
  Pointer() = default;

  /// Errors: BAD_POINTER (invalid_input), with the text.
  static Result<Pointer> parse(std::string_view text);

  /// Returns the value, or nullptr when a step is missing or not indexable.
  const Json* find(const Json& document) const;

  /// Puts a value, making missing objects on the way.
  ///
  /// Errors: BAD_WRITE (invalid_input) when a step meets a scalar, or an array index outside [0,
  /// size] ("-" appends).
  Result<void> put(Json& document, Json value) const;

  /// Removes the value; returns false if there is none. The whole document becomes null.
  bool erase(Json& document) const;

  bool whole() const { return steps_.empty(); }

  std::string text() const;

  friend bool operator==(const Pointer&, const Pointer&) = default;

 private:
  std::vector<std::string> steps_;
};

}  // namespace millrace::config

namespace millrace {
using config::Pointer;
}  // namespace millrace
