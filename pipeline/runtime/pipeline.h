#pragma once

#include "config/base/json.h"
#include "config/base/result.h"
#include "pipeline/contract/model.h"
#include "pipeline/contract/task.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace millrace::pipeline {

/// How a stage names a pipeline; the options schema of `pipeline:` is built over it.
struct PipelineOptions {
  std::string task;             // "text-classification"; empty: what config.json is for
  std::filesystem::path model;  // local checkpoint folder
  std::string revision;         // declared by the user, carried in headers
  std::string device = "auto";  // auto, cpu, cuda, cuda:N, mps, an integer
  std::string dtype = "auto";   // auto, float32, bfloat16, float16
  std::string truncation =
      "true";  // "true": cut what the model cannot index (D18); "error": refuse it
  std::string special_tokens = "parse";    // "parse" or "plain" (D25)
  bool strict_weights = false;             // refuse weights with NaN or infinity (WEIGHT_NONFINITE)
  std::shared_ptr<const Json> parameters;  // call-time arguments, an object; null: none
};

/// Task, tokenizer and model as one object; knows nothing of streams. Immutable, thread-safe.
class Pipeline {
 public:
  virtual ~Pipeline() = default;

  virtual const Task& task() const = 0;
  virtual const Model& model() const = 0;

  /// The longest row the tokenizer and model take, in tokens.
  virtual std::size_t longest_row() const = 0;

  /// The batch budget in tokens, measured when the pipeline was loaded (D29).
  virtual std::size_t batch_tokens() const = 0;
};

/// Loads a pipeline; models are shared by (folder, device, dtype).
///
/// Errors are configuration faults, all of them at once: unknown task or parameter (with the
/// closest name), missing files, weight mismatches (expected and found), a device that is asked for
/// and absent.
struct LoadedPipeline {
  std::shared_ptr<const Pipeline> pipeline;  // null if there are errors
  std::vector<Error> errors;
};

LoadedPipeline load_pipeline(const PipelineOptions& options);

/// What load_pipeline can check without reading weights: task, parameters, files. For lint: opens
/// no socket, no device.
std::vector<Error> lint_pipeline(const PipelineOptions& options);

/// Runs documents through a pipeline in one thread; for `pipe`-like uses, tests and benches.
///
/// Returns one result per input, in order; batches are cut by the token budget after sorting by
/// length.
std::vector<Result<Json>> run_pipeline(const Pipeline& pipeline, const std::vector<Json>& inputs);

/// Names and one-sentence descriptions for docs and lint.
struct Known {
  std::string name;
  std::string sentence;
};

std::vector<Known> known_architectures();

/// What the page of a task says, from the declarations that its parameters are read by.
struct KnownTask {
  std::string name;
  std::string sentence;
  std::vector<std::string> aliases;

  struct Input {
    std::string form;  // JSON
    std::string result;
  };

  std::vector<Input> inputs;

  struct Parameter {
    std::string name;
    std::string type;
    std::string sentence;
  };

  std::vector<Parameter> parameters;

  struct Example {
    std::string model;  // a checkpoint folder of this repository
    std::string input;
    std::string parameters;  // empty: none
    std::string output;
  };

  Example example;
};

std::vector<KnownTask> known_tasks();

/// Names and versions of the libraries behind pipelines: `libtorch 2.11.0`.
std::vector<std::string> library_versions();

}  // namespace millrace::pipeline
