#pragma once

#include "config/base/clock.h"

namespace millrace::worker {

/// What one step achieved, and when the loop wants to be called again at the latest.
struct Progress {
  /// True: call again at once, there may be more to do.
  bool did_work = false;
  /// Otherwise: wait for the loop's signal, at most until then. Instant::max(): only the signal
  /// matters.
  Instant wake_at = Instant::max();
};

/// A loop that a thread drives and a simulation can drive as well.
///
/// step() does what can be done now and does not wait (a source or sink may wait inside for as long
/// as its options say; a simulation sets that to zero). Confined to one thread.
class Loop {
 public:
  virtual ~Loop() = default;
  virtual Progress step() = 0;
};

}  // namespace millrace::worker
