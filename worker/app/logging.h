#pragma once

#include "config/base/clock.h"
#include "worker/app/cli.h"
#include "worker/topology/snapshot.h"

#include <string>

namespace millrace::worker {

/// Sets how events are written. Call before threads start.
void configure_log(const LogChoice& choice);

/// Returns a name of this process that no other of the fleet has: worker, host, process id.
std::string instance_name(const std::string& worker);

/// Logs one line about a run every ten seconds, for logs that nobody watches live.
class Heartbeat {
 public:
  /// silent: a progress bar says the same.
  explicit Heartbeat(bool silent) : silent_(silent) {}

  void show(const Snapshot& snapshot);

 private:
  bool silent_;
  Instant next_{};
};

}  // namespace millrace::worker
