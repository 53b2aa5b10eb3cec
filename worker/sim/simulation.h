#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace millrace::worker {

/// What a simulated run has shown.
struct SimulationReport {
  /// What went wrong; empty is good. Each says what, and where.
  std::vector<std::string> violations;
  /// What the seed had chosen, in one line.
  std::string scenario;
  std::size_t records = 0;
  std::size_t arrivals = 0;
  std::size_t workers = 0;  // processes that were started, one after the other
  std::size_t steps = 0;
};

/// Runs the loops of a worker over a fake source, sink and model, in an order drawn from the seed,
/// on a clock that moves when nobody has work; kills and restarts the worker on the way.
///
/// The loops, leases, rings, gates, batches, bisection and commits are those of production.
/// Checked: every record ends as it is to end and none is lost; nothing is committed before it has
/// ended, by offset or by completion map; order; the ledger, at every moment; what is in flight;
/// that the run ends. The same seed gives the same run.
SimulationReport simulate(std::uint64_t seed);

}  // namespace millrace::worker
