#include "pipeline/runtime/pipeline.h"

#include "config/base/log.h"
#include "config/schema/suggest.h"
#include "pipeline/models/table.h"
#include "pipeline/runtime/batch_budget.h"
#include "pipeline/runtime/description.h"
#include "pipeline/runtime/tokenizer_only.h"
#include "pipeline/tasks/table.h"
#include "pipeline/tensor/device.h"
#include "pipeline/tensor/version.h"

#include <algorithm>
#include <limits>
#include <map>
#include <mutex>
#include <system_error>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::pipeline {
namespace {

namespace fs = std::filesystem;

/// Models by what makes them different. A model lives as long as a pipeline that uses it.
class SharedModels {
 public:
  BuiltModel get(const Architecture& architecture, const ModelRequest& request) {
    std::error_code problem;
    const Key key{fs::weakly_canonical(request.folder, problem).string(),
                  request.head,
                  request.device,
                  request.dtype,
                  request.revision,
                  request.strict_weights};
    const std::lock_guard lock(mutex_);
    if (auto known = models_[key].lock()) return {std::move(known), {}};
    BuiltModel built = architecture.build(request);
    if (built.model) models_[key] = built.model;
    return built;
  }

 private:
  // Strictness is part of it: a model that was let pass must not serve a stage that is strict.
  using Key = std::tuple<std::string, HeadKind, std::string, std::string, std::string, bool>;

  std::mutex mutex_;
  std::map<Key, std::weak_ptr<const Model>> models_;
};

SharedModels& shared_models() {
  static SharedModels models;
  return models;
}

class LoadedPipelineParts final : public Pipeline {
 public:
  LoadedPipelineParts(std::unique_ptr<const Task> task,
                      std::shared_ptr<const Model> model,
                      const Tokenizer& tokenizer)
      : task_(std::move(task)),
        model_(std::move(model)),
        batch_tokens_(measure_batch_budget(typical_row(tokenizer, model_->facts()), *model_)) {}

  const Task& task() const override { return *task_; }

  const Model& model() const override { return *model_; }

  std::size_t longest_row() const override {
    const ModelFacts& facts = model_->facts();
    if (facts.unplaced) return facts.unplaced->max_tokens;
    return facts.max_positions == 0 ? std::numeric_limits<std::size_t>::max() : facts.max_positions;
  }

  std::size_t batch_tokens() const override { return batch_tokens_; }

 private:
  std::unique_ptr<const Task> task_;
  std::shared_ptr<const Model> model_;
  std::size_t batch_tokens_;
};

/// An option with few words, misspelt, must not silently mean its default.
void check_word(const char* option,
                const std::string& word,
                const std::vector<std::string>& words,
                std::vector<Error>& errors) {
  if (std::find(words.begin(), words.end(), word) != words.end()) return;
  errors.push_back(error(Errc::invalid_input,
                         "BAD_VALUE",
                         fmt::format("{}: expected {}, found '{}'",
                                     option,
                                     config::listed(words, "or"),
                                     config::escape_line(word, 80))));
}

void check_words(const PipelineOptions& options, std::vector<Error>& errors) {
  check_word("truncation", options.truncation, {"true", "error"}, errors);
  check_word("special_tokens", options.special_tokens, {"parse", "plain"}, errors);
}

void append(std::vector<Error>& errors, std::vector<Error> more) {
  for (Error& problem : more) errors.push_back(std::move(problem));
}

/// Only how device and dtype are written: whether a device is there is for the machine that runs
/// it.
void check_places(const PipelineOptions& options, std::vector<Error>& errors) {
  const auto any = [] { return DeviceProbe{std::numeric_limits<std::size_t>::max(), {}}; };
  if (auto device = resolve_device(options.device, any); !device)
    errors.push_back(std::move(device).error());
  if (auto dtype = resolve_dtype(options.dtype, "cpu", Json::object(), StoredType::f32); !dtype)
    errors.push_back(std::move(dtype).error());
}

/// Builds what the description and the options ask for; a head that the weights lack is left out,
/// so that everything else is looked at.
std::shared_ptr<const Model> build_model(const PipelineOptions& options,
                                         const Description& description,
                                         std::vector<Error>& errors) {
  if (description.task != nullptr && !description.task->needs_model) {
    check_places(options, errors);
    if (!errors.empty()) return nullptr;
    return tokenizer_only(options.model, options.revision);
  }
  auto device = resolve_device(options.device);
  if (!device) {
    errors.push_back(std::move(device).error());
    return nullptr;
  }
  if (!description.architecture || !description.checkpoint) return nullptr;
  if (!device->notice.empty())
    log::info("device", {{"device", device->name}, {"reason", device->notice}});
  auto dtype = resolve_dtype(
      options.dtype, device->name, *description.config, description.checkpoint->first_float());
  if (!dtype) {
    errors.push_back(std::move(dtype).error());
    return nullptr;
  }
  ModelRequest request;
  request.folder = options.model;
  request.config = description.config;
  request.head = description.has_head ? description.task->head : HeadKind::none;
  request.device = device->name;
  request.dtype = *dtype;
  request.revision = options.revision;
  request.strict_weights = options.strict_weights;
  BuiltModel built = shared_models().get(*description.architecture, request);
  append(errors, std::move(built.errors));
  return std::move(built.model);
}

/// Without token types of the tokenizer transformers takes zeros, of which it keeps as many as the
/// table has rows, and fails on more tokens.
std::optional<Unplaced> unplaced_of(const ModelFacts& facts, const Tokenizer& tokenizer) {
  std::optional<Unplaced> unplaced = facts.unplaced;
  if (unplaced && facts.type_vocab_size > 0 && !tokenizer.wants_type_ids())
    unplaced->max_tokens = facts.max_positions + static_cast<std::size_t>(unplaced->id) + 1;
  return unplaced;
}

TextRules rules_of(const PipelineOptions& options,
                   const ModelFacts& facts,
                   const Tokenizer& tokenizer) {
  return {.max_positions = facts.max_positions,
          .unplaced = unplaced_of(facts, tokenizer),
          .knows_types = facts.type_vocab_size > 0,
          .refuse_long = options.truncation == "error",
          .plain_specials = options.special_tokens == "plain"};
}

/// Looks at parameters without a model; by themselves if the folder has no tokenizer, either.
void check_options(const PipelineOptions& options,
                   const Description& description,
                   std::vector<Error>& errors) {
  check_words(options, errors);
  if (description.task != nullptr && options.parameters)
    append(errors, check_parameters(*description.task, *options.parameters, description.tokenizer));
}

}  // namespace

LoadedPipeline load_pipeline(const PipelineOptions& options) {
  Description description = describe(options.model, options.task);
  LoadedPipeline loaded;
  std::vector<Error>& errors = loaded.errors;
  errors = std::move(description.errors);
  check_options(options, description, errors);
  const auto model = build_model(options, description, errors);
  if (!errors.empty()) return loaded;
  // From here on every part is there, and the parts fit.
  MadeTask made =
      description.task->make({.tokenizer = description.tokenizer,
                              .facts = model->facts(),
                              .config = description.config,
                              .parameters = options.parameters,
                              .rules = rules_of(options, model->facts(), *description.tokenizer)});
  errors = std::move(made.errors);
  if (errors.empty())
    loaded.pipeline = std::make_shared<const LoadedPipelineParts>(
        std::move(made.task), model, *description.tokenizer);
  return loaded;
}

std::vector<Error> lint_pipeline(const PipelineOptions& options) {
  Description description = describe(options.model, options.task);
  std::vector<Error> errors = std::move(description.errors);
  check_options(options, description, errors);
  check_places(options, errors);
  return errors;
}

std::vector<KnownTask> known_tasks() {
  std::vector<KnownTask> known;
  for (const TaskEntry& entry : tasks()) {
    KnownTask& task = known.emplace_back();
    task.name = entry.name;
    task.sentence = entry.sentence;
    for (const std::string_view alias : aliases_of(entry)) task.aliases.emplace_back(alias);
    for (const InputForm& input : entry.inputs)
      task.inputs.push_back({std::string(input.form), std::string(input.result)});
    for (const Parameter& parameter : entry.parameters()) {
      task.parameters.push_back({std::string(parameter.name),
                                 std::string(parameter.type),
                                 std::string(parameter.sentence)});
    }
    const TaskExample& example = entry.example;
    task.example = {std::string(example.model),
                    std::string(example.input),
                    std::string(example.parameters),
                    std::string(example.output)};
  }
  return known;
}

std::vector<Known> known_architectures() {
  std::vector<Known> known;
  for (const Architecture& architecture : architectures()) {
    known.push_back({std::string(architecture.model_type), std::string(architecture.sentence)});
  }
  return known;
}

std::vector<std::string> library_versions() { return {"libtorch " + torch_version()}; }

}  // namespace millrace::pipeline
