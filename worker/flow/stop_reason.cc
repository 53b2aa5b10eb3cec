#include "worker/flow/stop_reason.h"

#include <utility>

namespace millrace::worker {

void StopReason::stop(Error error) {
  {
    const std::lock_guard lock(mutex_);
    if (error_) return;
    error_ = std::move(error);
    stopped_.store(true, std::memory_order_release);
  }
  if (on_stop_) on_stop_();
}

std::optional<Error> StopReason::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

}  // namespace millrace::worker
