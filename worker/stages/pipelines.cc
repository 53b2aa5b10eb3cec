#include "worker/stages/pipelines.h"

#include <fmt/format.h>

namespace millrace::worker {
LoadedPipelineStage load_pipeline_stage(const pipeline::PipelineOptions& options) {
  pipeline::LoadedPipeline loaded = pipeline::load_pipeline(options);
  LoadedPipelineStage stage;
  stage.errors = std::move(loaded.errors);
  if (!loaded.pipeline) return stage;
  stage.pipeline = std::move(loaded.pipeline);
  const pipeline::ModelFacts& facts = stage.pipeline->model().facts();
  stage.on_accelerator = facts.device != "cpu";
  stage.detail =
      fmt::format("{}, {} on {}, {}", options.task, facts.model_type, facts.device, facts.dtype);
  return stage;
}

std::vector<Error> check_pipeline(const pipeline::PipelineOptions& options) {
  return pipeline::lint_pipeline(options);
}

std::vector<pipeline::KnownTask> runnable_tasks() { return pipeline::known_tasks(); }

std::vector<std::pair<std::string, std::string>> runnable_architectures() {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const pipeline::Known& known : pipeline::known_architectures())
    rows.emplace_back(known.name, known.sentence);
  return rows;
}

std::vector<std::string> runtime_versions() { return pipeline::library_versions(); }

}  // namespace millrace::worker
