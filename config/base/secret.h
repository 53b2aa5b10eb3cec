#pragma once

#include <string>
#include <utility>

namespace millrace::config {

/// A value that must never be printed: passwords, keys. There is no way to stream or format it.
class Secret {
 public:
  Secret() = default;

  explicit Secret(std::string value) : value_(std::move(value)) {}

  bool empty() const { return value_.empty(); }

  /// Hands the value to the library that needs it. Call it at the border, nowhere else.
  const std::string& reveal() const { return value_; }

 private:
  std::string value_;
};

}  // namespace millrace::config

namespace millrace {
using config::Secret;
}  // namespace millrace
