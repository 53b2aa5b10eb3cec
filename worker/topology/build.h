#pragma once

#include "config/base/metrics.h"
#include "connectors/contract/sink.h"
#include "connectors/contract/source.h"
#include "worker/flow/dead_letter.h"
#include "worker/flow/emitter.h"
#include "worker/flow/intake.h"
#include "worker/stages/graph_run.h"
#include "worker/stages/infer.h"
#include "worker/topology/topology.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace millrace::worker {

/// A source as it runs, its sink of dead letters included.
struct BuiltSource {
  std::string name;
  std::unique_ptr<connectors::Source> source;
  Ordering ordering = Ordering::partition;
};

struct BuiltSink {
  std::string name;
  std::string target;  // for people
  std::unique_ptr<connectors::Sink> sink;
};

/// A pipeline stage and what is shown of it.
struct BuiltPipeline {
  std::string name;
  std::string kind;
  std::string detail;
  const InferStage* stage = nullptr;  // owned by the graph
};

/// What the stages need of the running worker; outlives them.
struct StageSurroundings {
  Signal& runner_signal;
  FinishedJobs& finished;
  StopReason& stop;
  Metrics& metrics;
  const Clock& clock;
};

/// All parts of a topology, made but not started.
struct BuiltParts {
  std::vector<BuiltSource> sources;
  std::vector<BuiltSink> sinks;
  std::optional<SinkId> dead_letters;
  DeadLetterContext context;
  RunnableGraph graph;
  std::vector<BuiltPipeline> pipelines;
  std::size_t devices = 0;  // pipelines that run on an accelerator
  std::vector<Error> errors;
};

/// Makes the parts of a checked topology: loads models, makes connectors, resolves every name.
BuiltParts build_parts(const CheckedTopology& checked,
                       const TopologySurroundings& surroundings,
                       const StageSurroundings& stage_surroundings);

}  // namespace millrace::worker
