#pragma once

#include "worker/topology/snapshot.h"

#include <chrono>
#include <string>

namespace millrace::worker {

/// Writes one line about a running topology: a bar with rate and time left where the work is
/// bounded, counts otherwise.
///
/// width: columns of the terminal. The line is never longer.
std::string progress_line(const Snapshot& snapshot, std::size_t width);

/// Shows the line on a terminal, in place; stays silent where stderr is not one (log lines say the
/// same there).
class ProgressBar {
 public:
  ProgressBar();
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  bool visible() const { return visible_; }

  void show(const Snapshot& snapshot);
  /// Ends the line, so that what follows starts on a fresh one.
  void finish();

 private:
  bool visible_ = false;
  bool drawn_ = false;
};

}  // namespace millrace::worker
