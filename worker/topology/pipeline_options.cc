#include "worker/topology/pipeline_options.h"

#include <nlohmann/json.hpp>

namespace millrace::worker {

pipeline::PipelineOptions pipeline_options(const StageSpec& stage) {
  const PipelineSpec& spec = *stage.pipeline;
  pipeline::PipelineOptions options;
  options.task = spec.task;
  options.model = spec.model;
  options.revision = spec.revision;
  options.device = spec.device;
  options.dtype = spec.dtype;
  options.truncation = spec.truncation;
  options.special_tokens = spec.special_tokens;
  options.strict_weights = spec.strict_weights;
  if (stage.parameters)
    options.parameters = std::make_shared<const Json>(config::to_json(*stage.parameters));
  return options;
}

}  // namespace millrace::worker
