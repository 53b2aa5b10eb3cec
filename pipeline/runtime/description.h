#pragma once

#include "config/base/json.h"
#include "config/base/result.h"
#include "pipeline/models/table.h"
#include "pipeline/tasks/table.h"
#include "pipeline/tensor/checkpoint.h"
#include "pipeline/text/tokenizer.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace millrace::pipeline {

/// What a checkpoint folder says of itself, weights aside. A part that cannot be read is null, and
/// the reason is in `errors`.
struct Description {
  std::shared_ptr<const Json> config;  // config.json, an object
  const TaskEntry* task = nullptr;
  const Architecture* architecture = nullptr;  // runs the task
  std::shared_ptr<const Tokenizer> tokenizer;
  std::optional<Checkpoint> checkpoint;  // the tables of the weight files
  bool has_head = false;                 // the task reads a head, and the weights hold one
  std::vector<Error> errors;
};

/// Reads the small files of a folder and checks that they belong together and fit the task.
///
/// task: a name, or empty: what the architecture in config.json is for. Opens the weight files and
/// reads their tables; needs no torch and no device. For a task without a model only the tokenizer
/// is read. Errors, all of them: UNKNOWN_TASK with the
/// closest name; NO_MODEL, BAD_MODEL_CONFIG, UNSUPPORTED_MODEL; those of Tokenizer::load and
/// Checkpoint::open; NO_HEAD; HEAD_MISMATCH; VOCABULARY_MISMATCH.
Description describe(const std::filesystem::path& folder, const std::string& task);

}  // namespace millrace::pipeline
