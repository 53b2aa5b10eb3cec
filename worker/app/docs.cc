#include "config/base/limits.h"
#include "config/schema/render.h"
#include "worker/app/task_page.h"
#include "worker/app/verbs.h"
#include "worker/stages/pipelines.h"
#include "worker/topology/spec.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace millrace::worker {
namespace {

void known_table(std::string& page,
                 std::string_view title,
                 const std::vector<std::pair<std::string, std::string>>& rows) {
  page += fmt::format("\n## {}\n\n| Name | What it is |\n|---|---|\n", title);
  for (const auto& [name, sentence] : rows) page += fmt::format("| `{}` | {} |\n", name, sentence);
}

std::string reference() {
  std::string page =
      config::reference_page(topology_schema(), "Reference of the topology language");
  std::vector<std::pair<std::string, std::string>> tasks;
  for (const auto& task : runnable_tasks()) tasks.emplace_back(task.name, task.sentence);
  known_table(page, "Tasks", tasks);
  page += "\nTheir inputs, parameters and results: `millrace docs tasks`.\n";
  known_table(page, "Architectures", runnable_architectures());
  page += "\n## Limits\n\n| Limit | Value | At most | Unit | Why |\n|---|---|---|---|---|\n";
  for (const config::Limit& limit : config::limits()) {
    page += fmt::format("| {} | {} | {} | {} | {} |\n",
                        limit.name,
                        limit.value,
                        limit.hard_max,
                        limit.unit,
                        limit.reason);
  }
  page += "\n## Exit codes\n\n| Code | Meaning | Supervisor |\n|---|---|---|\n";
  for (const ExitRow& row : exit_table())
    page += fmt::format("| {} | {} | {} |\n", number(row.code), row.meaning, row.supervisor);
  return page;
}

bool write(const std::filesystem::path& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (out) return true;
  fmt::print(stderr, "{}: cannot be written\n", file.string());
  return false;
}

}  // namespace

ExitCode run_docs(const DocsVerb& verb) {
  if (verb.folder.empty()) {
    fmt::print("{}", verb.page == "tasks" ? tasks_page() : reference());
    return ExitCode::done;
  }
  const std::filesystem::path folder(verb.folder);
  std::error_code problem;
  std::filesystem::create_directories(folder, problem);
  const bool written = write(folder / "REFERENCE.md", reference()) &&
                       write(folder / "TASKS.md", tasks_page()) &&
                       write(folder / "millrace.schema.json",
                             config::json_schema(topology_schema(), "Millrace topology"));
  return written ? ExitCode::done : ExitCode::local_io;
}

}  // namespace millrace::worker
