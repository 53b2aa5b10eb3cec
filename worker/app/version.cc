#include "connectors/table/table.h"
#include "worker/app/verbs.h"
#include "worker/stages/pipelines.h"

#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace millrace::worker {
namespace {

constexpr const char* kVersion = "0.1.0";

std::string known_tasks() {
  std::vector<std::string> names;
  for (const auto& task : runnable_tasks()) names.push_back(task.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string known_architectures() {
  std::vector<std::string> names;
  for (const auto& [name, sentence] : runnable_architectures()) names.push_back(name);
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string processor_features() {
  std::vector<std::string> found;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") != 0) found.emplace_back("avx2");
  if (__builtin_cpu_supports("avx512f") != 0) found.emplace_back("avx512f");
  if (__builtin_cpu_supports("avx512vnni") != 0) found.emplace_back("avx512vnni");
  if (__builtin_cpu_supports("avx512bf16") != 0) found.emplace_back("avx512bf16");
#endif
  return found.empty() ? "none that matter" : fmt::format("{}", fmt::join(found, ", "));
}

}  // namespace

ExitCode run_version(const VersionVerb& verb) {
  fmt::print("millrace {}\n", kVersion);
  if (!verb.features) return ExitCode::done;
  std::vector<std::string> libraries = connectors::library_versions();
  for (std::string& library : runtime_versions()) libraries.push_back(std::move(library));
  std::vector<std::string_view> sources, sinks, codecs;
  for (const auto& kind : connectors::source_kinds()) sources.push_back(kind.name);
  for (const auto& kind : connectors::sink_kinds()) sinks.push_back(kind.name);
  for (const auto& codec : connectors::codecs()) codecs.push_back(codec.name);
  fmt::print("libraries      {}\n", fmt::join(libraries, ", "));
  fmt::print("tasks          {}\n", known_tasks());
  fmt::print("architectures  {}\n", known_architectures());
  fmt::print("sources        {}\n", fmt::join(sources, ", "));
  fmt::print("sinks          {}\n", fmt::join(sinks, ", "));
  fmt::print("codecs         {}\n", fmt::join(codecs, ", "));
  fmt::print("guarantees     at-least-once\n");
  fmt::print("processor      {}\n", processor_features());
  return ExitCode::done;
}

}  // namespace millrace::worker
