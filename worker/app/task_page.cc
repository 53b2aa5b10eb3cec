#include "worker/app/task_page.h"

#include "worker/stages/pipelines.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace millrace::worker {
namespace {

using pipeline::KnownTask;

void add_inputs(std::string& page, const KnownTask& task) {
  page += "\n| Input | Result |\n|---|---|\n";
  for (const KnownTask::Input& input : task.inputs)
    page += fmt::format("| `{}` | {} |\n", input.form, input.result);
}

void add_parameters(std::string& page, const KnownTask& task) {
  page += "\n| Parameter | Values | What it does |\n|---|---|---|\n";
  for (const KnownTask::Parameter& parameter : task.parameters) {
    page += fmt::format("| `{}` | {} | {} |\n", parameter.name, parameter.type, parameter.sentence);
  }
}

void add_example(std::string& page, const KnownTask& task) {
  const KnownTask::Example& example = task.example;
  const std::string parameters = example.parameters.empty()
                                     ? std::string()
                                     : fmt::format(" --parameters '{}'", example.parameters);
  page += fmt::format(
      "\n```sh\necho '{}' | millrace pipe --task {} --model {}{}\n```\n```json\n{}\n```\n",
      example.input,
      task.name,
      example.model,
      parameters,
      example.output);
}

std::string section(const KnownTask& task) {
  std::string page = fmt::format("## {}\n\n{}", task.name, task.sentence);
  if (!task.aliases.empty())
    page += fmt::format(" Also known as `{}`.", fmt::join(task.aliases, "`, `"));
  page += "\n";
  add_inputs(page, task);
  add_parameters(page, task);
  add_example(page, task);
  return page;
}

}  // namespace

std::string tasks_page() {
  std::string page =
      "# Reference of the tasks\n\n"
      "Made by `millrace docs tasks` from the declarations that the parameters are read by. The "
      "input is what `read:` of a stage points at, or a line of `millrace pipe`; the result is "
      "what "
      "`transformers` 4.57 returns for it as an element of a list call. The examples run on tiny "
      "checkpoints of random weights, which lie in this repository.\n";
  for (const KnownTask& task : runnable_tasks()) page += "\n" + section(task);
  return page;
}

std::string task_section(std::string_view name) {
  for (const KnownTask& task : runnable_tasks()) {
    const bool is_alias =
        std::find(task.aliases.begin(), task.aliases.end(), name) != task.aliases.end();
    if (task.name == name || is_alias) return section(task);
  }
  return {};
}

}  // namespace millrace::worker
