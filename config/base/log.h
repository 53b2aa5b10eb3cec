#pragma once

#include "config/base/error.h"

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace millrace::config::log {

enum class Level : std::uint8_t { debug, info, warn, error, off };
enum class Format : std::uint8_t { text, json };

/// One named value of an event. Text from outside is escaped when it is written.
struct Field {
  // NOLINTBEGIN(google-explicit-constructor): a field is written as {"key", value}
  Field(std::string_view name, std::string_view value) : key(name), text(value), quoted(true) {}

  Field(std::string_view name, const char* value) : key(name), text(value), quoted(true) {}

  Field(std::string_view name, const std::string& value) : key(name), text(value), quoted(true) {}

  Field(std::string_view name, std::int64_t number) : key(name), text(std::to_string(number)) {}

  Field(std::string_view name, int number) : key(name), text(std::to_string(number)) {}

  Field(std::string_view name, std::uint64_t number) : key(name), text(std::to_string(number)) {}

  Field(std::string_view name, double number);

  Field(std::string_view name, bool flag) : key(name), text(flag ? "true" : "false") {}

  // NOLINTEND(google-explicit-constructor)

  std::string key;
  std::string text;
  bool quoted = false;
};

using Fields = std::initializer_list<Field>;

/// Sets where events go (stderr) and how they look. Call once, before threads start.
void configure(Level level, Format format);

/// Writes one event as one line on stderr. Thread-safe.
void debug(std::string_view event, Fields fields = {});
void info(std::string_view event, Fields fields = {});
void warn(std::string_view event, Fields fields = {});
void error(std::string_view event, Fields fields = {});

/// Writes an error as the event's fields `code`, `kind` and `what`.
void error(std::string_view event, const Error& what);
void warn(std::string_view event, const Error& what);

bool enabled(Level level);

/// Writes what is buffered; called before the process leaves.
void flush();

}  // namespace millrace::config::log

namespace millrace {
namespace log = config::log;
}  // namespace millrace
