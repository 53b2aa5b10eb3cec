#include "pipeline/runtime/description.h"

#include "config/base/limits.h"
#include "config/schema/suggest.h"
#include "pipeline/models/model_config.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::pipeline {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxShownBytes = 80;

std::string shown(std::string_view text) { return config::escape_line(text, kMaxShownBytes); }

std::string file_in(const fs::path& folder, const char* name) { return (folder / name).string(); }

std::vector<std::string> task_names() {
  std::vector<std::string> names;
  for (const TaskEntry& entry : tasks()) names.emplace_back(entry.name);
  return names;
}

Error unknown_task(const std::string& name) {
  return error(
      Errc::unsupported,
      "UNKNOWN_TASK",
      fmt::format("no task '{}'; {}", shown(name), config::suggestion(name, task_names())));
}

/// A folder that is not there is most often the name of a model on the hub.
Error no_folder(const fs::path& folder) {
  return error(Errc::not_found,
               "NO_MODEL",
               fmt::format("{}: no such folder; give a local checkpoint folder with config.json, "
                           "model.safetensors and "
                           "tokenizer.json (nothing is downloaded)",
                           folder.string()));
}

Error bad_config(const std::string& file, std::string_view what) {
  return error(Errc::invalid_input, "BAD_MODEL_CONFIG", fmt::format("{}: {}", file, what));
}

Result<std::shared_ptr<const Json>> read_config(const fs::path& folder) {
  std::error_code problem;
  if (!fs::is_directory(folder, problem)) return no_folder(folder);
  const std::string file = file_in(folder, "config.json");
  if (!fs::exists(file, problem)) {
    return error(Errc::not_found,
                 "NO_MODEL",
                 fmt::format("{}: expected config.json, found none; give the folder that "
                             "save_pretrained has written",
                             folder.string()));
  }
  if (fs::file_size(file, problem) > config::kMaxModelConfigBytes)
    return bad_config(file, fmt::format("larger than {} bytes", config::kMaxModelConfigBytes));
  std::ifstream in(file, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  auto json = config::parse_json(text.str(), config::JsonLimits::model_file());
  if (!json) return bad_config(file, json.error().message);
  if (!json->is_object())
    return bad_config(file, fmt::format("expected an object, found {}", json->type_name()));
  return std::make_shared<const Json>(*std::move(json));
}

std::string text_at(const Json& config, const char* key) {
  const auto found = config.find(key);
  return found != config.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// The classes that config.json says the weights were saved from, most often one.
std::vector<std::string> classes_of(const Json& config) {
  std::vector<std::string> classes;
  const auto found = config.find("architectures");
  if (found == config.end() || !found->is_array()) return classes;
  for (const Json& name : *found) {
    if (name.is_string()) classes.push_back(name.get<std::string>());
  }
  return classes;
}

std::string shown_classes(const Json& config) {
  const auto classes = classes_of(config);
  return classes.empty() ? "no architecture" : shown(config::listed(classes));
}

/// How the names of classes end, and the task they are for.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kTasksOfClasses = {
    {{"ForSequenceClassification", "text-classification"},
     {"ForTokenClassification", "token-classification"},
     {"ForQuestionAnswering", "question-answering"},
     {"ForMaskedLM", "fill-mask"},
     {"Model", "feature-extraction"}}};

/// The task that a class of transformers is for, nothing if that is not one of ours.
const TaskEntry* task_of_class(std::string_view name) {
  for (const auto& [ending, task] : kTasksOfClasses) {
    if (name.ends_with(ending)) return find_task(task);
  }
  return nullptr;
}

Result<const TaskEntry*> infer_task(const fs::path& folder, const Json& config) {
  for (const std::string& name : classes_of(config)) {
    if (const TaskEntry* task = task_of_class(name)) return task;
  }
  return error(Errc::unsupported,
               "UNKNOWN_TASK",
               fmt::format("no task is given, and {} names {}, which says none that can be run; "
                           "expected one of {}",
                           file_in(folder, "config.json"),
                           shown_classes(config),
                           config::listed(task_names())));
}

HeadKind head_of(const TaskEntry* task) { return task != nullptr ? task->head : HeadKind::none; }

Result<const Architecture*> find_architecture(const fs::path& folder,
                                              const Json& config,
                                              const TaskEntry* task) {
  const std::string name = text_at(config, "model_type");
  std::vector<std::string> known;
  for (const Architecture& architecture : architectures()) {
    known.emplace_back(architecture.model_type);
    if (architecture.model_type != name) continue;
    if (find_head(architecture.heads, head_of(task)) != nullptr) return &architecture;
    return error(Errc::unsupported,
                 "UNSUPPORTED_MODEL",
                 fmt::format("{}: {} has no head for {}", folder.string(), name, task->name));
  }
  return error(Errc::unsupported,
               "UNSUPPORTED_MODEL",
               fmt::format("{}: model_type '{}' cannot be run; this build runs {}",
                           file_in(folder, "config.json"),
                           shown(name),
                           config::listed(known)));
}

std::string_view head_name(HeadKind head) {
  switch (head) {
    case HeadKind::none:
      return "no head";
    case HeadKind::sequence_classification:
      return "classification head";
    case HeadKind::token_classification:
      return "token classification head";
    case HeadKind::question_answering:
      return "question answering head";
    case HeadKind::masked_lm:
      return "masked language model head";
  }
  return "";
}

Error no_head(const fs::path& folder, const Description& description, const std::string& weight) {
  return error(
      Errc::invalid_input,
      "NO_HEAD",
      fmt::format("{}: the weights hold no {} (no tensor {}; config.json names {}), and {} "
                  "needs one; take a checkpoint that was trained for it, or run "
                  "feature-extraction",
                  folder.string(),
                  head_name(head_of(description.task)),
                  weight,
                  shown_classes(*description.config),
                  description.task->name));
}

/// Returns how many scores a head must give, 0 if config.json does not decide it or cannot be read.
std::size_t scores_of(const Architecture& architecture, HeadKind head, const Json& json) {
  if (head == HeadKind::question_answering) return 2;  // where an answer starts, where it ends
  if (head == HeadKind::none || head == HeadKind::masked_lm) return 0;
  ModelConfig config(json);
  return config.labels(architecture.labels_by_default).size();
}

/// transformers makes a head of random numbers up where the weights hold none that fits; its scores
/// mean nothing.
bool check_head(const fs::path& folder, Description& description) {
  const HeadKind kind = head_of(description.task);
  if (kind == HeadKind::none || description.architecture == nullptr || !description.checkpoint)
    return false;
  const std::string weight = own_weight(*find_head(description.architecture->heads, kind));
  if (weight.empty()) return true;
  const auto* entry = description.checkpoint->find(weight);
  if (entry == nullptr) {
    description.errors.push_back(no_head(folder, description, weight));
    return false;
  }
  const auto& shape = entry->tensor.shape;
  const std::size_t expected = scores_of(*description.architecture, kind, *description.config);
  if (expected == 0 || shape.empty() || std::cmp_equal(shape.front(), expected)) return true;
  description.errors.push_back(
      error(Errc::invalid_input,
            "HEAD_MISMATCH",
            fmt::format("{}: {} gives {} scores, {} needs {}, one for each {}",
                        folder.string(),
                        weight,
                        shape.front(),
                        description.task->name,
                        expected,
                        kind == HeadKind::question_answering ? "end of an answer"
                                                             : "label of config.json")));
  return false;
}

/// The tokenizer and the weights of one folder must speak of the same vocabulary, special tokens
/// included.
void check_vocabulary(const fs::path& folder, Description& description) {
  const auto rows = description.config->find("vocab_size");
  if (!description.tokenizer || rows == description.config->end() || !rows->is_number_unsigned())
    return;
  const std::size_t tokens = description.tokenizer->vocab_size();
  if (tokens <= rows->get<std::uint64_t>()) return;
  description.errors.push_back(error(
      Errc::invalid_input,
      "VOCABULARY_MISMATCH",
      fmt::format("{}: the tokenizer knows {} tokens (the last is '{}'), the model's "
                  "embedding has {} rows; take both from one checkpoint",
                  folder.string(),
                  tokens,
                  shown(description.tokenizer->id_to_token(static_cast<std::int32_t>(tokens - 1))),
                  rows->get<std::uint64_t>())));
}

/// Keeps a value, or the reason why there is none.
template <typename Target, typename T>
void keep(Target& target, Result<T> result, std::vector<Error>& errors) {
  if (result) {
    target = *std::move(result);
  } else {
    errors.push_back(std::move(result).error());
  }
}

}  // namespace

Description describe(const fs::path& folder, const std::string& task) {
  Description description;
  std::vector<Error>& errors = description.errors;
  description.task = find_task(task);
  if (description.task == nullptr && !task.empty()) errors.push_back(unknown_task(task));
  if (description.task != nullptr && !description.task->needs_model) {
    std::error_code problem;
    if (!fs::is_directory(folder, problem)) {
      errors.push_back(no_folder(folder));
    } else {
      keep(description.tokenizer, Tokenizer::load(folder.string()), errors);
    }
    return description;
  }
  keep(description.config, read_config(folder), errors);
  if (!description.config) return description;
  if (task.empty()) keep(description.task, infer_task(folder, *description.config), errors);
  keep(description.architecture,
       find_architecture(folder, *description.config, description.task),
       errors);
  keep(description.tokenizer, Tokenizer::load(folder.string()), errors);
  keep(description.checkpoint, Checkpoint::open(folder), errors);
  description.has_head = check_head(folder, description);
  check_vocabulary(folder, description);
  return description;
}

}  // namespace millrace::pipeline
