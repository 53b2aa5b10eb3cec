#include "config/schema/quantity.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>

#include <fmt/format.h>

namespace millrace::config {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array<Unit, 5> kDurations = {
    {{"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}, {"d", 86400e3}}};

constexpr std::array<Unit, 12> kSizes = {{{"B", 1},
                                          {"kB", 1e3},
                                          {"KB", 1e3},
                                          {"MB", 1e6},
                                          {"GB", 1e9},
                                          {"TB", 1e12},
                                          {"KiB", 1024.0},
                                          {"kiB", 1024.0},
                                          {"MiB", 1048576.0},
                                          {"GiB", 1073741824.0},
                                          {"TiB", 1099511627776.0},
                                          {"", 1}}};

constexpr std::array<Unit, 5> kRates = {
    {{"/s", 1}, {"/m", 60}, {"/min", 60}, {"/h", 3600}, {"/d", 86400}}};

Error bad(std::string_view expected, std::string_view found) {
  return error(Errc::invalid_input,
               "BAD_QUANTITY",
               fmt::format("expected {}, found '{}'", expected, escape_line(found, 64)));
}

struct Amount {
  double number = 0;
  std::string_view unit;
};

/// Splits `1.5s` into number and unit. No sign, no exponent.
std::optional<Amount> split(std::string_view text) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
  Amount amount;
  const auto [stop, problem] =
      std::from_chars(text.data(), text.data() + end, amount.number, std::chars_format::fixed);
  if (end == 0 || problem != std::errc() || stop != text.data() + end) return std::nullopt;
  amount.unit = text.substr(end);
  return amount;
}

std::optional<double> factor_of(std::span<const Unit> units, std::string_view name) {
  for (const Unit& unit : units) {
    if (unit.name == name) return unit.factor;
  }
  return std::nullopt;
}

/// Returns amount times factor when that is a whole number a double holds exactly.
std::optional<std::int64_t> whole(double amount, double factor) {
  const double product = amount * factor;
  if (product > 9007199254740992.0 || product != std::floor(product)) return std::nullopt;
  return static_cast<std::int64_t>(product);
}

template <std::size_t size>
std::string in_largest_unit(std::int64_t value, const std::array<Unit, size>& units) {
  for (auto unit = units.rbegin(); unit != units.rend(); ++unit) {
    const auto factor = static_cast<std::int64_t>(unit->factor);
    if (value != 0 && value % factor == 0) return fmt::format("{}{}", value / factor, unit->name);
  }
  return fmt::format("{}{}", value, units.front().name);
}

}  // namespace

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  constexpr std::string_view kExpected = "a duration such as 25ms, 1s, 2m or 1h";
  const auto amount = split(text);
  if (!amount) return bad(kExpected, text);
  if (amount->unit.empty() && amount->number == 0) return std::chrono::milliseconds(0);
  if (amount->unit.empty())
    return bad("a duration with its unit, such as 25ms, 1s, 2m or 1h", text);
  const auto factor = factor_of(kDurations, amount->unit);
  if (!factor) return bad(kExpected, text);
  const auto value = whole(amount->number, *factor);
  if (!value) return bad("a duration in whole milliseconds", text);
  return std::chrono::milliseconds(*value);
}

Result<ByteSize> parse_byte_size(std::string_view text) {
  constexpr std::string_view kExpected = "a size such as 512, 64KiB or 1MiB";
  const auto amount = split(text);
  if (!amount) return bad(kExpected, text);
  const auto factor = factor_of(kSizes, amount->unit);
  if (!factor) return bad(kExpected, text);
  const auto value = whole(amount->number, *factor);
  if (!value) return bad("a size in whole bytes", text);
  return ByteSize{static_cast<std::size_t>(*value)};
}

Result<Rate> parse_rate(std::string_view text) {
  constexpr std::string_view kExpected = "a rate such as 100/s, 6000/m or 10/h";
  const auto amount = split(text);
  if (!amount) return bad(kExpected, text);
  const auto factor = factor_of(kRates, amount->unit);
  if (!factor) return bad(kExpected, text);
  return Rate{amount->number / *factor};
}

Result<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem == std::errc::result_out_of_range)
    return bad("a whole number of at most 64 bits", text);
  if (problem != std::errc() || end != text.data() + text.size())
    return bad("a whole number", text);
  if (digits.size() > 1 && digits.front() == '0')
    return bad("a whole number without leading zeros", text);
  return value;
}

Result<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    return bad("a number", text);
  return value;
}

std::string to_string(std::chrono::milliseconds duration) {
  return in_largest_unit(duration.count(), kDurations);
}

std::string to_string(ByteSize size) {
  static constexpr std::array<Unit, 5> kPrinted = {{{"", 1},
                                                    {"KiB", 1024.0},
                                                    {"MiB", 1048576.0},
                                                    {"GiB", 1073741824.0},
                                                    {"TiB", 1099511627776.0}}};
  return in_largest_unit(static_cast<std::int64_t>(size.bytes), kPrinted);
}

std::string to_string(Rate rate) { return number_text(rate.per_second) + "/s"; }

std::string number_text(double value) { return fmt::format("{}", value); }

}  // namespace millrace::config
