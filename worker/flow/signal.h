#pragma once

#include "config/base/clock.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace millrace::worker {

/// Wakes a thread that has nothing to do.
///
/// Thread-safe. A notification is kept until one wait has taken it, so none is lost between looking
/// for work and waiting. It wakes one waiter: with several, the one that wakes and leaves work
/// behind notifies again (Channel does).
class Signal {
 public:
  /// Costs one atomic exchange unless somebody waits and has not been woken yet.
  void notify();

  /// Makes this and every later wait return at once.
  void close();

  bool closed() const { return closed_.load(std::memory_order_acquire); }

  /// Returns true if notified or closed, false at the deadline. Instant::max() waits for ever.
  bool wait_until(Instant deadline);

 private:
  std::atomic<bool> notified_{false};
  std::atomic<bool> closed_{false};
  std::atomic<std::uint32_t> waiters_{0};
  std::mutex mutex_;
  std::condition_variable condition_;
};

}  // namespace millrace::worker
