#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::config {

enum class Severity : std::uint8_t { error, warning };

/// One thing that is wrong with a configuration, and what to do about it.
struct Issue {
  std::string file;
  int line = 0;      // from 1; 0 when no line is to blame
  int column = 0;    // from 1
  std::string path;  // `sources.reviews.kafka.topics`, empty for the document
  std::string message;
  std::string hint;
  Severity severity = Severity::error;

  /// Returns `file:line:column: path: message; hint` on one line, escaped.
  std::string text() const;
};

using Issues = std::vector<Issue>;

/// Says whether anything is worse than a warning.
bool has_errors(const Issues& issues);

/// Sorts by file and line, so that they read in the order of the text.
void sort_issues(Issues& issues);

/// Returns one line per issue, warnings marked as such.
std::string issues_text(const Issues& issues);

}  // namespace millrace::config
