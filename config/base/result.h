#pragma once

#include "config/base/check.h"
#include "config/base/error.h"

#include <optional>
#include <utility>
#include <variant>

namespace millrace::config {

/// Carries a value or says why there is none.
///
/// Member names are those of std::expected, so that this becomes an alias the day both compilers
/// have it. Reading the value of a failed result (or the error of a good one) is our bug and throws
/// Bug.
template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)

  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool has_value() const { return state_.index() == 0; }

  explicit operator bool() const { return has_value(); }

  T& value() & {
    check(has_value(), "value() of a failed result");
    return std::get<0>(state_);
  }

  const T& value() const& {
    check(has_value(), "value() of a failed result");
    return std::get<0>(state_);
  }

  T&& value() && {
    check(has_value(), "value() of a failed result");
    return std::get<0>(std::move(state_));
  }

  T& operator*() & { return value(); }

  const T& operator*() const& { return value(); }

  T&& operator*() && { return std::move(*this).value(); }

  T* operator->() { return &value(); }

  const T* operator->() const { return &value(); }

  const Error& error() const& {
    check(!has_value(), "error() of a good result");
    return std::get<1>(state_);
  }

  Error&& error() && {
    check(!has_value(), "error() of a good result");
    return std::get<1>(std::move(state_));
  }

  T value_or(T fallback) && {
    return has_value() ? std::get<0>(std::move(state_)) : std::move(fallback);
  }

 private:
  std::variant<T, Error> state_;
};

/// Says whether something worked; `return {};` is success.
template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;

  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool has_value() const { return !error_.has_value(); }

  explicit operator bool() const { return has_value(); }

  const Error& error() const& {
    check(!has_value(), "error() of a good result");
    return *error_;
  }

  Error&& error() && {
    check(!has_value(), "error() of a good result");
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

}  // namespace millrace::config

namespace millrace {
using config::Result;
}  // namespace millrace
