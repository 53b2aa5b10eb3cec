#pragma once

#include "worker/app/cli.h"
#include "worker/app/exit_code.h"

namespace millrace::worker {

// What the verbs of the command line do. Each returns the exit code of the process; results go to
// stdout, everything else to stderr.

ExitCode run_topology(const RunVerb& verb);
ExitCode run_pipe(const PipeVerb& verb);
ExitCode run_lint(const LintVerb& verb);
ExitCode run_graph(const GraphVerb& verb);
ExitCode run_config_show(const ConfigShowVerb& verb);
ExitCode run_docs(const DocsVerb& verb);
ExitCode run_demo(const DemoVerb& verb);
ExitCode run_version(const VersionVerb& verb);

}  // namespace millrace::worker
