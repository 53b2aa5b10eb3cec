#pragma once

#include "config/schema/issue.h"
#include "config/schema/node.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace millrace::config {

/// Where a value came from.
struct Origin {
  enum class Source : std::uint8_t { default_value, file, variable };

  Source source = Source::default_value;
  Place place;
  std::string name;  // the configuration file, or `env NAME` / `file PATH`

  /// Returns `default`, `topology.yaml:12`, `env NAME` or `file PATH`.
  std::string text() const;
};

/// Remembers the origin of every value by its dotted path (`sinks.scored.input`), so that a check
/// that runs long after the parse can still point at a line.
class Places {
 public:
  void set(std::string path, Origin origin) { origins_[std::move(path)] = std::move(origin); }

  /// Returns the origin of exactly this path, or nullptr.
  const Origin* find(std::string_view path) const;

  /// Returns the place of the path, or of the nearest thing around it that stands in the file.
  Place nearest(std::string_view path) const;

 private:
  std::map<std::string, Origin, std::less<>> origins_;
};

/// A configuration being read: its file name, what was found wrong, and where everything stands.
struct Reading {
  std::string file;
  Issues issues;
  Places places;

  /// Reports an error at a place.
  void fail(std::string_view path, Place place, std::string message, std::string hint = {});

  /// Reports an error at the nearest known place of the path. For checks that run after the parse.
  void fail(std::string_view path, std::string message, std::string hint = {});

  void warn(std::string_view path, std::string message, std::string hint = {});

  Origin origin_of(const Node& node) const;
};

}  // namespace millrace::config
