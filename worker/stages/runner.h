#pragma once

#include "config/base/clock.h"
#include "worker/flow/loop.h"
#include "worker/flow/stop_reason.h"
#include "worker/stages/infer.h"

#include <cstddef>
#include <memory>
#include <vector>

namespace millrace::worker {

/// Runs batches of all pipelines, one at a time: whoever's oldest row has waited longest goes
/// first.
///
/// One for each core on a CPU, one for each accelerator. Waits on the signal that the queues of the
/// stages notify.
class Runner final : public Loop {
 public:
  /// Everything referred to outlives the runner.
  Runner(std::vector<const InferStage*> stages, StopReason& stop, const Clock& clock);

  Progress step() override;

 private:
  struct Seat {
    const InferStage* stage = nullptr;
    std::unique_ptr<pipeline::Workspace> workspace;
  };

  Seat* most_urgent(Instant now);
  void run(Seat& seat, std::vector<Row> rows);
  void discard_ended(const Seat& seat, std::vector<Row>& rows) const;
  Instant wake_at(Instant now) const;

  std::vector<Seat> seats_;
  StopReason& stop_;
  const Clock& clock_;
};

}  // namespace millrace::worker
