#pragma once

#include "config/base/result.h"

#include <chrono>
#include <compare>
#include <cstddef>
#include <string>
#include <string_view>

namespace millrace::config {

/// A number of bytes that configuration writes with a unit: `64KiB`.
struct ByteSize {
  std::size_t bytes = 0;

  friend auto operator<=>(const ByteSize&, const ByteSize&) = default;
};

/// A number of events in time that configuration writes as `100/s`.
struct Rate {
  double per_second = 0;

  friend auto operator<=>(const Rate&, const Rate&) = default;
};

// Each parser fails with BAD_QUANTITY; the message reads "expected …, found …".

/// Reads `25ms`, `1.5s`, `2m`, `1h`, `1d`. A bare number is refused unless it is 0: its unit would
/// be a guess.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// Reads `512`, `64KiB`, `1MiB`, `2GiB` (powers of 1024), `1kB`, `1MB`, `1GB` (powers of 1000).
Result<ByteSize> parse_byte_size(std::string_view text);

/// Reads `100/s`, `6000/m`, `10/h`.
Result<Rate> parse_rate(std::string_view text);

/// Reads a whole number. `010`, `1_000` and `1e3` are refused: readers disagree about them.
Result<std::int64_t> parse_integer(std::string_view text);

/// Reads a finite number.
Result<double> parse_number(std::string_view text);

/// Prints in the largest unit that stays whole, so that parsing gives the same value back.
std::string to_string(std::chrono::milliseconds duration);
std::string to_string(ByteSize size);
std::string to_string(Rate rate);

/// Prints a number the short way: `25`, `0.5`.
std::string number_text(double value);

}  // namespace millrace::config

namespace millrace {
using config::ByteSize;
using config::Rate;
}  // namespace millrace
