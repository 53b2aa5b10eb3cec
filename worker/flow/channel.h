#pragma once

#include "worker/flow/signal.h"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <iterator>
#include <mutex>
#include <utility>
#include <vector>

namespace millrace::worker {

/// Passes values between threads in the order they were pushed.
///
/// Thread-safe. It has no bound of its own and push never waits: what is in flight is bounded once,
/// at intake, by the ByteBudget. A second bound here could only deadlock.
template <typename T>
class Channel {
 public:
  /// signal: where the readers wait; it outlives the channel and may serve several channels.
  explicit Channel(Signal& signal) : signal_(signal) {}

  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// Returns false, and leaves the value with the caller, if the channel is closed.
  bool push(T&& value) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return false;
      values_.push_back(std::move(value));
    }
    signal_.notify();
    return true;
  }

  /// Pushes all values under one lock and with one notification, and empties the vector.
  bool push_all(std::vector<T>& values) {
    if (values.empty()) return true;
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return false;
      std::move(values.begin(), values.end(), std::back_inserter(values_));
    }
    values.clear();
    signal_.notify();
    return true;
  }

  /// Appends everything to `out`; returns how many there were. Works on a closed channel, too.
  std::size_t pop_all(std::vector<T>& out) { return pop_some(out, static_cast<std::size_t>(-1)); }

  /// Appends the oldest values, at most `max`. If some stay behind, another reader is woken.
  std::size_t pop_some(std::vector<T>& out, std::size_t max) {
    std::size_t taken = 0;
    bool left = false;
    {
      const std::lock_guard lock(mutex_);
      taken = std::min(max, values_.size());
      const auto end = values_.begin() + static_cast<std::ptrdiff_t>(taken);
      std::move(values_.begin(), end, std::back_inserter(out));
      values_.erase(values_.begin(), end);
      left = !values_.empty();
    }
    if (left) signal_.notify();
    return taken;
  }

  /// Refuses later pushes. What is inside can still be taken.
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    signal_.notify();
  }

  bool closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return values_.size();
  }

 private:
  Signal& signal_;
  mutable std::mutex mutex_;
  std::deque<T> values_;
  bool closed_ = false;
};

}  // namespace millrace::worker
