#include "config/schema/places.h"

#include <algorithm>

#include <fmt/format.h>

namespace millrace::config {
namespace {

Issue issue(const Reading& reading,
            std::string_view path,
            Place place,
            std::string message,
            std::string hint) {
  return {.file = reading.file,
          .line = place.line,
          .column = place.column,
          .path = std::string(path),
          .message = std::move(message),
          .hint = std::move(hint)};
}

/// Returns the path around a path: `a.b[0]` is in `a.b`, which is in `a`.
std::string_view around(std::string_view path) {
  const std::size_t end = path.find_last_of(".[");
  return end == std::string_view::npos ? std::string_view() : path.substr(0, end);
}

}  // namespace

std::string Origin::text() const {
  switch (source) {
    case Source::file:
      return fmt::format("{}:{}", name, place.line);
    case Source::variable:
      return name;
    case Source::default_value:
      break;
  }
  return "default";
}

const Origin* Places::find(std::string_view path) const {
  const auto found = origins_.find(path);
  return found == origins_.end() ? nullptr : &found->second;
}

Place Places::nearest(std::string_view path) const {
  while (true) {
    const Origin* origin = find(path);
    if (origin != nullptr && origin->place.line > 0) return origin->place;
    if (path.empty()) return {};
    path = around(path);
  }
}

void Reading::fail(std::string_view path, Place place, std::string message, std::string hint) {
  issues.push_back(issue(*this, path, place, std::move(message), std::move(hint)));
}

void Reading::fail(std::string_view path, std::string message, std::string hint) {
  fail(path, places.nearest(path), std::move(message), std::move(hint));
}

void Reading::warn(std::string_view path, std::string message, std::string hint) {
  Issue warning = issue(*this, path, places.nearest(path), std::move(message), std::move(hint));
  warning.severity = Severity::warning;
  issues.push_back(std::move(warning));
}

Origin Reading::origin_of(const Node& node) const {
  if (!node.substituted.empty()) return {Origin::Source::variable, node.place, node.substituted};
  return {Origin::Source::file, node.place, file};
}

}  // namespace millrace::config
