#pragma once

#include "config/base/clock.h"
#include "worker/flow/loop.h"
#include "worker/flow/signal.h"
#include "worker/flow/stop_reason.h"

#include <atomic>
#include <functional>
#include <string>
#include <thread>

namespace millrace::worker {

/// Drives a loop on a thread of its own: step, wait on the signal, step again.
///
/// A bug that escapes from the loop stops the worker. The thread ends after finish(); its last act,
/// if given, runs on it too, because sources and sinks are confined to the thread that drives them.
class LoopThread {
 public:
  /// loop, signal and stop outlive the thread. name: at most 15 characters, as the system shows it.
  LoopThread(std::string name, Loop& loop, Signal& signal, StopReason& stop);
  ~LoopThread();
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  /// Asks the thread to leave its loop, do `last_act`, and end. Call once.
  void finish(std::function<void()> last_act = {});

  /// Waits for the thread to end; returns false at the deadline. After true it is joined.
  bool join_until(Instant deadline);

  /// When the loop began its last step or wait; a watchdog compares it with now. Thread-safe.
  Instant last_tick() const { return Instant(Duration(tick_.load(std::memory_order_relaxed))); }

  const std::string& name() const { return name_; }

 private:
  void run();

  std::string name_;
  Loop& loop_;
  Signal& signal_;
  StopReason& stop_;
  Signal ended_;
  std::function<void()> last_act_;
  std::atomic<bool> finish_{false};
  std::atomic<Duration::rep> tick_{0};
  std::thread thread_;
};

}  // namespace millrace::worker
