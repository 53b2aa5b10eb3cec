#pragma once

#include "config/base/clock.h"
#include "config/base/limits.h"
#include "worker/flow/signal.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

// Stages add, runners take; several runners may share the queue and its signal:
//
//     queue.add(std::move(row), tokens, bytes, clock.now());
//
//     std::vector<Row> batch = queue.take(clock.now());
//     if (batch.empty()) signal.wait_until(queue.next_due().value_or(Instant::max()));
//
// A runner that serves several queues and waits for the earliest deadline of all must, when it is
// called away to one of them, pass the watch over the others on: signal.notify() before it runs.

namespace millrace::worker {

/// When a batch is closed: at the first of these, at the deadline of its oldest row, or when
/// draining.
struct BatchLimits {
  std::size_t max_cost = 4096;  // tokens, frames or patches
  std::size_t max_rows = 1024;
  std::size_t max_bytes = 64 * config::kMiB;
  std::chrono::milliseconds deadline{25};
};

/// Decides which rows leave together; knows what a row costs and when it came, not what it is.
///
/// Thread-safe and passive: whoever is free takes the batch that is due. Rows leave in the order
/// they came, whatever partition they are of. A row that exceeds the limits alone leaves alone.
template <typename Row>
class BatchQueue {
 public:
  /// signal: where the takers wait. It is notified when a batch becomes due and when a deadline
  /// begins to run.
  BatchQueue(BatchLimits limits, Signal& signal) : limits_(limits), signal_(signal) {}

  BatchQueue(const BatchQueue&) = delete;
  BatchQueue& operator=(const BatchQueue&) = delete;

  void add(Row row, std::size_t cost, std::size_t bytes, Instant now) {
    bool wake = false;
    {
      const std::lock_guard lock(mutex_);
      wake = rows_.empty();
      rows_.push_back(Waiting{std::move(row), cost, bytes, now});
      cost_ += cost;
      bytes_ += bytes;
      wake = wake || draining_ || full();
    }
    if (wake) signal_.notify();
  }

  /// Returns the oldest rows that fit into one batch, or nothing if no batch is due.
  std::vector<Row> take(Instant now) {
    std::vector<Row> batch;
    bool rows_left = false;
    {
      const std::lock_guard lock(mutex_);
      if (!due(now)) return batch;
      take_fitting(batch);
      rows_left = !rows_.empty();
    }
    // This taker is busy from now on. Another one takes what is due, or waits for the deadline.
    if (rows_left) signal_.notify();
    return batch;
  }

  /// Says when a batch is or becomes due, Instant::min() for now; nothing if the queue is empty.
  std::optional<Instant> next_due() const {
    const std::lock_guard lock(mutex_);
    if (rows_.empty()) return std::nullopt;
    if (draining_ || full()) return Instant::min();
    return rows_.front().added + limits_.deadline;
  }

  /// When the oldest row came; nothing if the queue is empty. The taker with several queues serves
  /// the oldest first.
  std::optional<Instant> oldest() const {
    const std::lock_guard lock(mutex_);
    if (rows_.empty()) return std::nullopt;
    return rows_.front().added;
  }

  /// While draining, whatever is there is due at once.
  void drain(bool on) {
    {
      const std::lock_guard lock(mutex_);
      draining_ = on;
    }
    signal_.notify();
  }

  /// Removes and returns the rows that `gone` names, so that their owner can settle them.
  template <typename Predicate>
  std::vector<Row> drop_if(Predicate gone) {
    std::vector<Row> dropped;
    const std::lock_guard lock(mutex_);
    std::deque<Waiting> kept;
    for (Waiting& waiting : rows_) {
      if (gone(std::as_const(waiting.row))) {
        cost_ -= waiting.cost;
        bytes_ -= waiting.bytes;
        dropped.push_back(std::move(waiting.row));
      } else {
        kept.push_back(std::move(waiting));
      }
    }
    rows_ = std::move(kept);
    return dropped;
  }

  /// Changes how much a batch may cost, as memory taught or a sweep measured.
  void set_max_cost(std::size_t max_cost) {
    {
      const std::lock_guard lock(mutex_);
      limits_.max_cost = max_cost;
    }
    // What waits may be a whole batch now.
    signal_.notify();
  }

  BatchLimits limits() const {
    const std::lock_guard lock(mutex_);
    return limits_;
  }

  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return rows_.size();
  }

 private:
  struct Waiting {
    Row row;
    std::size_t cost = 0;
    std::size_t bytes = 0;
    Instant added{};
  };

  bool full() const {
    return cost_ >= limits_.max_cost || rows_.size() >= limits_.max_rows ||
           bytes_ >= limits_.max_bytes;
  }

  bool due(Instant now) const {
    if (rows_.empty()) return false;
    return draining_ || full() || rows_.front().added + limits_.deadline <= now;
  }

  void take_fitting(std::vector<Row>& batch) {
    std::size_t cost = 0;
    std::size_t bytes = 0;
    while (!rows_.empty() && batch.size() < std::max<std::size_t>(1, limits_.max_rows)) {
      Waiting& oldest = rows_.front();
      const bool fits =
          cost + oldest.cost <= limits_.max_cost && bytes + oldest.bytes <= limits_.max_bytes;
      if (!fits && !batch.empty()) return;
      cost += oldest.cost;
      bytes += oldest.bytes;
      cost_ -= oldest.cost;
      bytes_ -= oldest.bytes;
      batch.push_back(std::move(oldest.row));
      rows_.pop_front();
    }
  }

  BatchLimits limits_;
  Signal& signal_;
  mutable std::mutex mutex_;
  std::deque<Waiting> rows_;
  std::size_t cost_ = 0;
  std::size_t bytes_ = 0;
  bool draining_ = false;
};

}  // namespace millrace::worker
