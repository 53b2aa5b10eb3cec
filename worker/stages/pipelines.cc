#include "worker/stages/pipelines.h"

#include <fmt/format.h>

namespace millrace::worker {
namespace {

std::vector<std::pair<std::string, std::string>> rows_of(
    const std::vector<pipeline::Known>& known) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const pipeline::Known& row : known) rows.emplace_back(row.name, row.sentence);
  return rows;
}

}  // namespace

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

std::vector<std::pair<std::string, std::string>> runnable_tasks() {
  return rows_of(pipeline::known_tasks());
}

std::vector<std::pair<std::string, std::string>> runnable_architectures() {
  return rows_of(pipeline::known_architectures());
}

std::vector<std::string> runtime_versions() { return pipeline::library_versions(); }

}  // namespace millrace::worker
