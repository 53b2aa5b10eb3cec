#include "config/base/log.h"

#include <charconv>
#include <cmath>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace millrace::config::log {
namespace {

constexpr std::size_t kMaxFieldBytes = 256;
constexpr std::size_t kMaxLineBytes = 4096;

struct State {
  std::shared_ptr<spdlog::logger> logger;
  Level level = Level::info;
  Format format = Format::text;

  State() { configure(Level::info, Format::text); }

  void configure(Level new_level, Format new_format) {
    level = new_level;
    format = new_format;
    if (!logger) {
      logger = std::make_shared<spdlog::logger>("millrace",
                                                std::make_shared<spdlog::sinks::stderr_sink_mt>());
    }
    // Levels are filtered before an event is formatted, so the library lets everything pass.
    logger->set_level(spdlog::level::trace);
    logger->flush_on(spdlog::level::warn);
    const char* pattern = format == Format::json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ",%v})"
                                                 : "%Y-%m-%dT%H:%M:%S.%eZ %v";
    logger->set_pattern(pattern, spdlog::pattern_time_type::utc);
  }
};

State& state() {
  static State instance;
  return instance;
}

std::string_view level_name(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warn:
      return "warn";
    case Level::error:
    case Level::off:
      break;
  }
  return "error";
}

std::string_view padded_name(Level level) {
  switch (level) {
    case Level::debug:
      return "DEBUG";
    case Level::info:
      return "INFO ";
    case Level::warn:
      return "WARN ";
    case Level::error:
    case Level::off:
      break;
  }
  return "ERROR";
}

spdlog::level::level_enum library_level(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    case Level::error:
    case Level::off:
      break;
  }
  return spdlog::level::err;
}

/// Puts text into double quotes. What escape_line made is already one line; only quotes and
/// backslashes are left.
std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
  return out;
}

bool needs_quotes(std::string_view text) {
  return text.empty() || text.find_first_of(" \"=\\{}[],") != std::string_view::npos;
}

std::string text_line(Level level, std::string_view event, Fields fields) {
  std::string out = fmt::format("{} {}", padded_name(level), escape_line(event, kMaxFieldBytes));
  for (const Field& field : fields) {
    const std::string value = escape_line(field.text, kMaxFieldBytes);
    out += fmt::format(
        " {}={}", field.key, field.quoted && needs_quotes(value) ? quote(value) : value);
  }
  return out;
}

std::string json_line(Level level, std::string_view event, Fields fields) {
  std::string out = fmt::format(
      R"("level":"{}","event":{})", level_name(level), quote(escape_line(event, kMaxFieldBytes)));
  for (const Field& field : fields) {
    const std::string value = escape_line(field.text, kMaxFieldBytes);
    std::string member = fmt::format(
        ",{}:{}", quote(escape_line(field.key, 64)), field.quoted ? quote(value) : value);
    // A field is left out rather than cut, so that the line stays a document.
    if (out.size() + member.size() > kMaxLineBytes) break;
    out += member;
  }
  return out;
}

void write(Level level, std::string_view event, Fields fields) {
  if (!enabled(level)) return;
  const std::string line = state().format == Format::json
                               ? json_line(level, event, fields)
                               : escape_line(text_line(level, event, fields), kMaxLineBytes);
  state().logger->log(library_level(level), line);
}

void write(Level level, std::string_view event, const Error& what) {
  write(level, event, {{"code", what.code}, {"kind", name(what.kind)}, {"what", what.message}});
}

}  // namespace

Field::Field(std::string_view name, double number) : key(name) {
  // NaN and infinity are no JSON numbers.
  quoted = !std::isfinite(number);
  text = fmt::format("{}", number);
}

void configure(Level level, Format format) { state().configure(level, format); }

bool enabled(Level level) { return level != Level::off && level >= state().level; }

void debug(std::string_view event, Fields fields) { write(Level::debug, event, fields); }

void info(std::string_view event, Fields fields) { write(Level::info, event, fields); }

void warn(std::string_view event, Fields fields) { write(Level::warn, event, fields); }

void error(std::string_view event, Fields fields) { write(Level::error, event, fields); }

void error(std::string_view event, const Error& what) { write(Level::error, event, what); }

void warn(std::string_view event, const Error& what) { write(Level::warn, event, what); }

void flush() { state().logger->flush(); }

}  // namespace millrace::config::log
