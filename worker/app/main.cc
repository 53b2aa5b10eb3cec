#include "config/base/log.h"
#include "worker/app/verbs.h"

#include <cstdio>
#include <exception>
#include <type_traits>
#include <variant>

namespace {

using namespace millrace::worker;

ExitCode act(const Verb& verb) {
  return std::visit(
      [](const auto& chosen) {
        using T = std::decay_t<decltype(chosen)>;
        if constexpr (std::is_same_v<T, RunVerb>) return run_topology(chosen);
        if constexpr (std::is_same_v<T, PipeVerb>) return run_pipe(chosen);
        if constexpr (std::is_same_v<T, LintVerb>) return run_lint(chosen);
        if constexpr (std::is_same_v<T, GraphVerb>) return run_graph(chosen);
        if constexpr (std::is_same_v<T, ConfigShowVerb>) return run_config_show(chosen);
        if constexpr (std::is_same_v<T, DocsVerb>) return run_docs(chosen);
        if constexpr (std::is_same_v<T, DemoVerb>) return run_demo(chosen);
        if constexpr (std::is_same_v<T, VersionVerb>) return run_version(chosen);
        if constexpr (std::is_same_v<T, Leave>) return static_cast<ExitCode>(chosen.code);
      },
      verb);
}

}  // namespace

int main(int argc, char** argv) {
  int code = number(ExitCode::bug);
  try {
    code = number(act(parse_command_line(argc, argv)));
  } catch (const std::exception& escaped) {
    std::fprintf(stderr, "BUG %s; please report it with the lines above\n", escaped.what());
  }
  millrace::log::flush();
  // Results that could not be written are a failure, whatever the verb thinks.
  if (std::fflush(stdout) != 0 && code == 0) code = number(ExitCode::local_io);
  return code;
}
