#include "worker/flow/signal.h"

namespace millrace::worker {

// Both sides write their own flag and then read the other's, in one total order: either the
// notifier sees the waiter, or the waiter sees the notification. A notification that was not taken
// yet needs no second wake-up: whoever made it has seen to that, and the taker of it reads what the
// second one published as well.
void Signal::notify() {
  if (notified_.exchange(true)) return;
  if (waiters_.load() == 0) return;
  // The lock closes the gap between a waiter's last look and its sleep.
  const std::lock_guard lock(mutex_);
  condition_.notify_one();
}

void Signal::close() {
  closed_.store(true);
  const std::lock_guard lock(mutex_);
  condition_.notify_all();
}

bool Signal::wait_until(Instant deadline) {
  if (notified_.exchange(false)) return true;
  std::unique_lock lock(mutex_);
  waiters_.fetch_add(1);
  bool woken = false;
  while (true) {
    woken = notified_.exchange(false) || closed_.load();
    if (woken) break;
    if (deadline == Instant::max()) {
      condition_.wait(lock);
    } else if (condition_.wait_until(lock, deadline) == std::cv_status::timeout) {
      woken = notified_.exchange(false) || closed_.load();
      break;
    }
  }
  waiters_.fetch_sub(1);
  return woken;
}

}  // namespace millrace::worker
