#include "worker/stages/pool.h"

#include <utility>

namespace millrace::worker {
namespace {

/// So few that the other threads of the pool get their share.
constexpr std::size_t kJobsPerStep = 64;

}  // namespace

PoolLoop::PoolLoop(const GraphRun& graph,
                   Channel<Chunk>& chunks,
                   FinishedJobs& finished,
                   StopReason& stop)
    : graph_(graph), chunks_(chunks), finished_(finished), stop_(stop) {}

Progress PoolLoop::step() {
  if (stop_.stopped()) return {};
  const SettleBatch settled;
  if (finished_.pop_some(jobs_, kJobsPerStep) > 0) {
    for (const auto& job : jobs_) graph_.finish(*job);
    jobs_.clear();
    return {.did_work = true};
  }
  if (chunks_.pop_some(taken_, 1) == 0) return {};
  for (Chunk& chunk : taken_) {
    for (FateToken& token : chunk.tokens) graph_.admit(chunk.inlet, std::move(token));
  }
  taken_.clear();
  return {.did_work = true};
}

}  // namespace millrace::worker
