#include "worker/app/supervise.h"

#include "config/base/clock.h"
#include "config/base/log.h"

#include <chrono>

namespace millrace::worker {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kTick{20};
/// Nobody reads faster, and a look around costs a lock here and there.
constexpr std::chrono::milliseconds kLookInterval{100};
constexpr std::chrono::milliseconds kCloseDeadline{10s};
/// After a second signal nothing is worth waiting for.
constexpr std::chrono::milliseconds kAbortDeadline{1s};

ExitCode exit_of(const Ending& ending) {
  if (ending.error) return exit_for(*ending.error);
  return ending.drained ? ExitCode::done : ExitCode::not_drained;
}

}  // namespace

Supervised supervise(Topology& topology,
                     const StopSignals& signals,
                     const std::function<void(const Snapshot&)>& each_look) {
  Supervised result;
  if (const auto started = topology.start(); !started) {
    log::error("cannot start", started.error());
    result.ending = topology.close(kAbortDeadline);
    result.ending.error = started.error();
    result.code = exit_for(started.error());
    return result;
  }
  Instant look_at{};
  bool draining = false;
  bool given_up = false;
  while (!topology.over()) {
    if (signals.wait(kTick)) {
      given_up = draining;
      if (given_up) {
        log::warn("second signal: leaving now; what is in flight is done again after the restart");
        break;
      }
      draining = true;
      topology.drain();
    }
    const Instant now = std::chrono::steady_clock::now();
    if (each_look && now >= look_at) {
      each_look(topology.snapshot());
      look_at = now + kLookInterval;
    }
  }
  result.ending = topology.close(given_up ? kAbortDeadline : kCloseDeadline);
  if (given_up && !result.ending.error) result.ending.drained = false;
  result.code = exit_of(result.ending);
  return result;
}

}  // namespace millrace::worker
