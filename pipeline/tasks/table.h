#pragma once

#include "config/base/json.h"
#include "pipeline/contract/model.h"
#include "pipeline/contract/task.h"
#include "pipeline/tasks/parameters.h"
#include "pipeline/tasks/text_encoding.h"
#include "pipeline/text/tokenizer.h"

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::pipeline {

/// What a task is made of.
struct TaskRequest {
  std::shared_ptr<const Tokenizer> tokenizer;
  ModelFacts facts;
  std::shared_ptr<const Json> config;      // config.json; null without a model
  std::shared_ptr<const Json> parameters;  // an object; null: none
  TextRules rules;
};

/// A task, or everything that is wrong with its parameters.
struct MadeTask {
  std::unique_ptr<const Task> task;  // null if there are errors
  std::vector<Error> errors;
};

/// A form that the input of a record may have, and what comes back for it.
struct InputForm {
  std::string_view form;  // JSON
  std::string_view result;
};

/// A call as `pipe` makes it, and its result. Tests make it again.
struct TaskExample {
  std::string_view model;  // a checkpoint folder of this repository
  std::string_view input;
  std::string_view parameters;  // empty: none
  std::string_view output;
};

/// One task: its name, what its page says, and how it is made. A new task is a file of its own and
/// a row of the table.
struct TaskEntry {
  std::string_view name;
  std::string_view sentence;
  std::span<const InputForm> inputs;
  TaskExample example;
  HeadKind head = HeadKind::none;  // the head that it reads
  std::vector<Parameter> (*parameters)();
  MadeTask (*make)(const TaskRequest& request);
  bool needs_model = true;  // false: the tokenizer of a folder is all that it reads
};

std::span<const TaskEntry> tasks();

/// Returns the other names that transformers takes for a task.
std::vector<std::string_view> aliases_of(const TaskEntry& task);

/// Returns nullptr for a name that is not in the table. Names that transformers takes for the same
/// task are found, too.
const TaskEntry* find_task(std::string_view name);

/// What can be said about parameters without a model. Returns BAD_PARAMETER and UNKNOWN_PARAMETER.
/// tokenizer: null if there is none; then nothing is said about what only it knows.
std::vector<Error> check_parameters(const TaskEntry& task,
                                    const Json& parameters,
                                    std::shared_ptr<const Tokenizer> tokenizer);

}  // namespace millrace::pipeline
