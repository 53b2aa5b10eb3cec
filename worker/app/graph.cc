#include "worker/app/verbs.h"
#include "worker/topology/check.h"
#include "worker/topology/draw.h"

#include <fmt/format.h>

namespace millrace::worker {

ExitCode run_graph(const GraphVerb& verb) {
  const CheckedTopology checked = check_topology_file(verb.file);
  if (!checked.good()) {
    fmt::print(stderr, "{}", config::issues_text(checked.reading.issues));
    return ExitCode::configuration;
  }
  if (verb.format == "mermaid") {
    fmt::print("{}", draw_mermaid(checked.graph, checked.guarantees));
  } else if (verb.format == "dot") {
    fmt::print("{}", draw_dot(checked.graph, checked.guarantees));
  } else {
    fmt::print("{}", draw_text(checked.graph, checked.guarantees));
  }
  return ExitCode::done;
}

}  // namespace millrace::worker
