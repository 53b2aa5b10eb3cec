#pragma once

#include "worker/flow/channel.h"
#include "worker/flow/fate.h"
#include "worker/flow/loop.h"
#include "worker/flow/stop_reason.h"
#include "worker/stages/graph_run.h"

#include <cstddef>
#include <memory>
#include <vector>

namespace millrace::worker {

/// What one poll of a source has admitted.
struct Chunk {
  std::size_t inlet = 0;
  std::vector<FateToken> tokens;
};

/// A thread of the pool: decodes, prepares, finishes and encodes. Both channels notify the same
/// signal.
class PoolLoop final : public Loop {
 public:
  /// Everything referred to outlives the loop.
  PoolLoop(const GraphRun& graph, Channel<Chunk>& chunks, FinishedJobs& finished, StopReason& stop);

  /// Finishes what the models have done before it begins anything new.
  Progress step() override;

 private:
  const GraphRun& graph_;
  Channel<Chunk>& chunks_;
  FinishedJobs& finished_;
  StopReason& stop_;
  std::vector<std::shared_ptr<InferJob>> jobs_;  // scratch of a step
  std::vector<Chunk> taken_;
};

}  // namespace millrace::worker
