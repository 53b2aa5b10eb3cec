#pragma once

#include "worker/app/exit_code.h"
#include "worker/app/signals.h"
#include "worker/topology/topology.h"

#include <functional>

namespace millrace::worker {

struct Supervised {
  ExitCode code = ExitCode::done;
  Ending ending;
};

/// Starts a topology and stays with it to its end: the first signal drains, the second gives up.
///
/// each_look is called ten times a second, for a progress bar or whatever is shown.
Supervised supervise(Topology& topology,
                     const StopSignals& signals,
                     const std::function<void(const Snapshot&)>& each_look);

}  // namespace millrace::worker
