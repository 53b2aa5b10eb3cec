#include "config/base/json.h"
#include "worker/app/verbs.h"
#include "worker/topology/check.h"

#include <cstdio>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::worker {
namespace {

std::string_view word(config::Severity severity) {
  return severity == config::Severity::error ? "error" : "warning";
}

/// One object a line, so that tools read it as it comes.
void print_json(const config::Issue& issue) {
  fmt::print("{}\n",
             config::to_text({{"file", issue.file},
                              {"line", issue.line},
                              {"column", issue.column},
                              {"severity", word(issue.severity)},
                              {"path", issue.path},
                              {"message", issue.message},
                              {"hint", issue.hint}}));
}

}  // namespace

ExitCode run_lint(const LintVerb& verb) {
  bool good = true;
  for (const std::string& file : verb.files) {
    const CheckedTopology checked = check_topology_file(file);
    good = good && checked.good();
    if (verb.format == "json") {
      for (const config::Issue& issue : checked.reading.issues) print_json(issue);
      continue;
    }
    fmt::print("{}", config::issues_text(checked.reading.issues));
    if (checked.good()) {
      fmt::print("{}: good; {} sources, {} stages, {} sinks, guarantee {}\n",
                 file,
                 checked.spec.sources.size(),
                 checked.spec.stages.size(),
                 checked.spec.sinks.size(),
                 name(weakest(checked.guarantees).guarantee));
    }
  }
  std::fflush(stdout);
  return good ? ExitCode::done : ExitCode::configuration;
}

}  // namespace millrace::worker
