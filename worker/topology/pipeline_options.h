#pragma once

#include "worker/stages/pipelines.h"
#include "worker/topology/spec.h"

namespace millrace::worker {

/// Turns what a stage of the file says about its pipeline into the options to load it with.
pipeline::PipelineOptions pipeline_options(const StageSpec& stage);

}  // namespace millrace::worker
