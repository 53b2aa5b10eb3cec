#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace millrace::config {

/// A point on the monotonic clock.
using Instant = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

/// Tells the time, so that tests can move it. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
  /// Milliseconds since 1970, for headers and logs only; never for waiting.
  virtual std::int64_t unix_ms() const = 0;
};

class SystemClock final : public Clock {
 public:
  Instant now() const override { return std::chrono::steady_clock::now(); }

  std::int64_t unix_ms() const override {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
  }
};

/// Stands still until told to move.
class ManualClock final : public Clock {
 public:
  Instant now() const override { return Instant(Duration(ticks_.load(std::memory_order_acquire))); }

  std::int64_t unix_ms() const override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(now().time_since_epoch()).count();
  }

  void advance(Duration by) { ticks_.fetch_add(by.count(), std::memory_order_acq_rel); }

 private:
  std::atomic<Duration::rep> ticks_{0};
};

}  // namespace millrace::config

namespace millrace {
using config::Clock;
using config::Duration;
using config::Instant;
using config::ManualClock;
using config::SystemClock;
}  // namespace millrace
