#include "worker/topology/loop_thread.h"

#include "config/base/check.h"
#include "config/base/error.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <new>
#include <utility>

#include <fmt/format.h>
#include <pthread.h>

namespace millrace::worker {
namespace {

/// The longest wait without a look around, so that the watchdog sees a tick of an idle loop.
constexpr std::chrono::milliseconds kLongestWait{500};

/// The top of a thread: what escapes from it is a bug of ours or memory that has run out, and ends
/// the worker.
void guarded(const std::string& name, StopReason& stop, const std::function<void()>& work) {
  try {
    work();
  } catch (const std::bad_alloc&) {
    stop.stop(error(Errc::resource_exhausted,
                    "OUT_OF_MEMORY",
                    fmt::format("the {} thread got no memory; lower limits.max_bytes_in_flight, or "
                                "give the process more",
                                name)));
  } catch (const std::exception& escaped) {
    stop.stop(error(
        Errc::internal,
        "BUG",
        fmt::format("the {} thread broke an invariant: {}; please report it with the lines above",
                    name,
                    escaped.what())));
  }
}

}  // namespace

LoopThread::LoopThread(std::string name, Loop& loop, Signal& signal, StopReason& stop)
    : name_(std::move(name)), loop_(loop), signal_(signal), stop_(stop) {
  tick_.store(std::chrono::steady_clock::now().time_since_epoch().count(),
              std::memory_order_relaxed);
  thread_ = std::thread([this] { run(); });
}

LoopThread::~LoopThread() {
  if (!thread_.joinable()) return;
  if (!finish_.load(std::memory_order_acquire)) finish();
  thread_.join();
}

void LoopThread::finish(std::function<void()> last_act) {
  last_act_ = std::move(last_act);
  finish_.store(true, std::memory_order_release);
  signal_.notify();
}

bool LoopThread::join_until(Instant deadline) {
  if (!thread_.joinable()) return true;
  if (!ended_.wait_until(deadline)) return false;
  thread_.join();
  return true;
}

void LoopThread::run() {
  pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
  guarded(name_, stop_, [this] {
    while (!finish_.load(std::memory_order_acquire)) {
      const Progress progress = loop_.step();
      const Instant now = std::chrono::steady_clock::now();
      tick_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
      if (progress.did_work) continue;
      signal_.wait_until(std::min(progress.wake_at, now + kLongestWait));
    }
    // Whoever shares the signal has to leave as well.
    signal_.notify();
  });
  guarded(name_, stop_, [this] {
    if (last_act_) last_act_();
  });
  ended_.close();
}

}  // namespace millrace::worker
