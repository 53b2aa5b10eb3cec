#pragma once

#include <chrono>

namespace millrace::worker {

/// Takes SIGTERM and SIGINT, so that they are asked for instead of interrupting. SIGPIPE is
/// ignored.
///
/// Make it before any other thread: threads inherit the mask. The signals stay blocked afterwards,
/// so that one that comes late does not kill what is being closed.
class StopSignals {
 public:
  StopSignals();

  /// Waits for a signal; returns whether one came.
  bool wait(std::chrono::milliseconds longest) const;
};

}  // namespace millrace::worker
