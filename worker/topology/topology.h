#pragma once

#include "config/base/error.h"
#include "config/base/metrics.h"
#include "config/base/result.h"
#include "connectors/contract/sink.h"
#include "worker/topology/check.h"
#include "worker/topology/snapshot.h"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace millrace::worker {

/// What surrounds a topology.
struct TopologySurroundings {
  Metrics* metrics = nullptr;  // outlives the topology
  std::string instance;        // names this process in headers and logs
  /// Puts something around a sink, by its name in the topology. Nothing: sinks stay as they are.
  std::function<std::unique_ptr<connectors::Sink>(const std::string& name,
                                                  std::unique_ptr<connectors::Sink> sink)>
      wrap_sink;
  /// The name of a sink that takes the dead letters, in one order with its other records, instead
  /// of `dead_letters:`. Empty: none.
  std::string dead_letter_sink;
  /// Every pipeline has strict weights, whatever the topology says.
  bool strict_weights = false;
};

/// How a run ended.
struct Ending {
  std::optional<Error> error;  // what stopped it
  bool drained = true;  // false: records were in flight when time was up; they are done again
  Snapshot last;
};

/// The running worker: sources, stages, sinks and the threads between them.
///
/// Used from one thread; snapshot() from any.
class Topology {
 public:
  /// Loads the models and makes the connectors. All errors at once.
  struct Built {
    std::unique_ptr<Topology> topology;  // null if there are errors
    std::vector<Error> errors;
  };

  static Built build(const CheckedTopology& checked, TopologySurroundings surroundings);

  ~Topology();
  Topology(const Topology&) = delete;
  Topology& operator=(const Topology&) = delete;

  /// Opens sinks and sources and starts the threads. Errors are those of the connectors.
  Result<void> start();

  /// Stops taking records; those in flight finish within drain.timeout. Calling it again does
  /// nothing.
  void drain();

  /// True when the run is over: everything of bounded sources is done, the drain is over or out of
  /// time, or an error has stopped the worker.
  bool over();

  /// Commits, leaves the groups, ends the threads. Call once, after over(), or earlier to give up
  /// what is in flight. Takes at most `deadline`, and ends the process with 6 if a library hangs
  /// beyond it.
  Ending close(std::chrono::milliseconds deadline);

  Snapshot snapshot() const;

 private:
  struct Parts;
  explicit Topology(std::unique_ptr<Parts> parts);
  static void forget_what_is_left(Parts& parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace millrace::worker
