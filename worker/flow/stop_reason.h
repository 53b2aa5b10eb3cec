#pragma once

#include "config/base/error.h"

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>

namespace millrace::worker {

/// Holds the error that ends the worker. The first one wins; once there is one, nothing more is
/// committed.
///
/// Thread-safe.
class StopReason {
 public:
  StopReason() = default;

  /// on_stop: called once, by the thread that brings the first error, after the error can be read.
  /// Must not throw.
  explicit StopReason(std::function<void()> on_stop) : on_stop_(std::move(on_stop)) {}

  StopReason(const StopReason&) = delete;
  StopReason& operator=(const StopReason&) = delete;

  void stop(Error error);

  bool stopped() const { return stopped_.load(std::memory_order_acquire); }

  std::optional<Error> error() const;

 private:
  std::function<void()> on_stop_;
  std::atomic<bool> stopped_{false};
  mutable std::mutex mutex_;
  std::optional<Error> error_;
};

}  // namespace millrace::worker
