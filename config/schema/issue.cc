#include "config/schema/issue.h"

#include "config/base/error.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

namespace millrace::config {

std::string Issue::text() const {
  std::string out = file;
  if (line > 0) out += fmt::format(":{}:{}", line, column);
  if (!out.empty()) out += ": ";
  if (severity == Severity::warning) out += "warning: ";
  if (!path.empty()) out += path + ": ";
  out += message;
  if (!hint.empty()) out += "; " + hint;
  return escape_line(out, 1024);
}

bool has_errors(const Issues& issues) {
  return std::any_of(issues.begin(), issues.end(), [](const Issue& issue) {
    return issue.severity == Severity::error;
  });
}

void sort_issues(Issues& issues) {
  std::stable_sort(issues.begin(), issues.end(), [](const Issue& a, const Issue& b) {
    return std::tie(a.file, a.line, a.column) < std::tie(b.file, b.line, b.column);
  });
}

std::string issues_text(const Issues& issues) {
  std::string out;
  for (const Issue& issue : issues) out += issue.text() + "\n";
  return out;
}

}  // namespace millrace::config
