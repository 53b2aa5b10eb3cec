#pragma once

#include "config/base/limits.h"
#include "worker/flow/signal.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace millrace::worker {

struct BudgetOptions {
  std::size_t max_records = 8192;
  std::size_t max_bytes = config::kMaxBytesInFlight;
};

/// Bounds everything between intake and settlement, once, in records and bytes.
///
/// Thread-safe. Pollers look before they admit; outputs are booked without asking, so it can be
/// exceeded by what is being computed, and then nothing is admitted until it has fallen below. A
/// source that was paused for it is resumed at half (the low mark). An empty budget admits one
/// record of any size, so that an oversized one cannot stop the world.
class ByteBudget {
 public:
  explicit ByteBudget(BudgetOptions options = {}) : options_(options) {}

  ByteBudget(const ByteBudget&) = delete;
  ByteBudget& operator=(const ByteBudget&) = delete;

  /// Says whether one more record of this size may be admitted now.
  bool admits(std::size_t size_bytes) const {
    const std::size_t held = records();
    if (held == 0) return true;
    return held < options_.max_records && bytes() + size_bytes <= options_.max_bytes;
  }

  /// At or below half in both currencies.
  bool low() const {
    return records() <= options_.max_records / 2 && bytes() <= options_.max_bytes / 2;
  }

  void book(std::size_t records, std::size_t bytes);
  void release(std::size_t records, std::size_t bytes);

  std::size_t records() const { return records_.load(std::memory_order_acquire); }

  std::size_t bytes() const { return bytes_.load(std::memory_order_acquire); }

  const BudgetOptions& options() const { return options_; }

  /// Notifies `signal` whenever a release has reached the low mark, or emptied the budget. Call
  /// before threads start.
  void notify_when_low(Signal& signal) { signals_.push_back(&signal); }

 private:
  BudgetOptions options_;
  std::atomic<std::size_t> records_{0};
  std::atomic<std::size_t> bytes_{0};
  std::vector<Signal*> signals_;
};

}  // namespace millrace::worker
