#pragma once

#include "pipeline/runtime/pipeline.h"
#include "worker/stages/infer.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace millrace::worker {

// The door between the worker's upper rooms and pipelines: whoever builds a topology comes through
// here.

/// A loaded pipeline and what is shown of it.
struct LoadedPipelineStage {
  std::shared_ptr<const pipeline::Pipeline> pipeline;  // null if there are errors
  std::string detail;  // "text-classification, bert on cpu, float32, budget 512 tokens"
  bool on_accelerator = false;
  std::vector<Error> errors;
};

/// Loads weights and measures; may take seconds.
LoadedPipelineStage load_pipeline_stage(const pipeline::PipelineOptions& options);

/// What can be said about a pipeline without reading weights.
std::vector<Error> check_pipeline(const pipeline::PipelineOptions& options);

/// What this build can run, for the reference pages.
std::vector<pipeline::KnownTask> runnable_tasks();
std::vector<std::pair<std::string, std::string>> runnable_architectures();

/// Versions of the libraries behind the pipelines, for `version --features`.
std::vector<std::string> runtime_versions();

}  // namespace millrace::worker
