#include "config/schema/render.h"
#include "worker/app/verbs.h"
#include "worker/topology/check.h"

#include <fmt/format.h>

namespace millrace::worker {

ExitCode run_config_show(const ConfigShowVerb& verb) {
  const CheckedTopology checked = check_topology_file(verb.file);
  if (!checked.good()) {
    fmt::print(stderr, "{}", config::issues_text(checked.reading.issues));
    return ExitCode::configuration;
  }
  fmt::print("{}",
             config::effective_config(topology_schema().show(checked.spec),
                                      verb.origin ? &checked.reading.places : nullptr));
  return ExitCode::done;
}

}  // namespace millrace::worker
