#pragma once

#include "config/base/clock.h"
#include "config/base/metrics.h"
#include "connectors/contract/sink.h"
#include "worker/flow/dead_letter.h"
#include "worker/flow/fate.h"
#include "worker/flow/gate.h"
#include "worker/flow/loop.h"
#include "worker/flow/stop_reason.h"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// How to drive one, on one thread; there is one for all sinks and all sources of a worker:
//
//     Signal signal;
//     Channel<PassagePtr> inbox(signal);
//     ByteBudget budget;
//     Exit exit{inbox, budget};  // what pollers and tokens are given
//     Emitter emitter({{"scored", &scored}, {"dead", &dead}}, {.dead_letters = SinkId{1}}, exit,
//     …); while (!finished) {
//       const Progress progress = emitter.step();
//       if (!progress.did_work) signal.wait_until(progress.wake_at);
//     }
//     emitter.close(5s);
//
// Nothing is in flight when budget.records() is 0. Once the StopReason holds an error, step() does
// nothing more: what was not settled by then never is.

namespace millrace::worker {

/// A sink and its name in the topology. The sink is open and outlives the emitter.
struct SinkSlot {
  std::string name;
  connectors::Sink* sink = nullptr;
};

struct EmitterOptions {
  /// Where dead letters go; nothing: they are counted, logged and dropped.
  std::optional<SinkId> dead_letters;
  DeadLetterContext context;
  /// How often verdicts are asked for while some are outstanding.
  std::chrono::milliseconds poll_interval{1};
  /// How long a sink may keep written records to itself once nothing more comes.
  std::chrono::milliseconds flush_interval{20};
  /// The pause before a sink that is away is written to again, doubled each time up to the second.
  std::chrono::milliseconds retry_first{100};
  std::chrono::milliseconds retry_last{10'000};
};

/// Owns the way out: inbox → gate → sinks → verdicts → settlement.
///
/// A record is settled only when every output of it, or its dead letter, was delivered. Outputs of
/// records that waited in the gate are written in their order; a sink that is full or away holds
/// its own queue and nothing else.
class Emitter final : public Loop {
 public:
  /// Everything referred to outlives the emitter. signal of `inbox` is the one to wait on.
  Emitter(std::vector<SinkSlot> sinks,
          EmitterOptions options,
          Exit& exit,
          StopReason& stop,
          Metrics& metrics,
          const Clock& clock);
  ~Emitter() override;

  Progress step() override;

  /// From now on sinks are flushed whenever nothing is left to write. Thread-safe.
  void drain() { draining_.store(true, std::memory_order_release); }

  /// From now on a record that lost its token is no bug: the worker is being torn down past its
  /// deadline. Thread-safe.
  void abandon() { abandoned_.store(true, std::memory_order_release); }

  /// Closes the sinks, each within the deadline; returns the first error. Call on the emitter's
  /// thread, as the last.
  Result<void> close(std::chrono::milliseconds deadline);

  struct SinkCount {
    std::string name;
    std::uint64_t delivered = 0;
    std::size_t outstanding = 0;  // written or waiting to be
  };

  /// Thread-safe.
  std::vector<SinkCount> counts() const;

 private:
  struct Flight;
  struct Write;
  struct Outlet;
  struct Settled;

  void take_in();
  void launch(PassagePtr passage);
  void enqueue(Outlet& outlet, std::size_t flight, std::uint32_t output, bool again);
  bool write_pending(Outlet& outlet, Instant now);
  bool write_one(Outlet& outlet, const Write& write, Instant now, bool& full);
  bool poll_verdicts(Outlet& outlet, Instant now);
  void judge(Outlet& outlet, std::uint64_t opaque, const std::optional<Error>& error, Instant now);
  void delivered(std::size_t flight);
  void refused(Outlet& outlet, std::size_t flight, std::uint32_t output, const Error& error);
  void write_again(
      Outlet& outlet, std::size_t flight, std::uint32_t output, const Error& error, Instant now);
  void write_dead_letter(std::size_t flight);
  void land(PassagePtr passage, Fate fate);
  bool settle_landed(Instant now);
  void flush_if_idle(Outlet& outlet, Instant now);
  void count_dead_letter(const Passage& passage);
  Instant wake_at(Instant now) const;

  std::vector<std::unique_ptr<Outlet>> outlets_;
  EmitterOptions options_;
  Exit& exit_;
  StopReason& stop_;
  Metrics& metrics_;
  const Clock& clock_;

  Gate gate_;
  std::vector<Flight> flights_;  // a slab; opaque values index it
  std::vector<std::size_t> free_flights_;
  std::uint64_t next_sequence_ = 0;
  std::vector<PassagePtr> arrived_, passed_;  // scratch of a step
  std::vector<Settled> landed_;
  std::vector<SlotIndex> slots_;
  std::vector<connectors::Verdict> verdicts_;
  Instant log_dead_letters_at_{};
  std::uint64_t unlogged_dead_letters_ = 0;

  Counter* fates_[kFates] = {};
  Gauge& in_flight_records_;
  Gauge& in_flight_bytes_;
  Histogram& latency_;
  std::atomic<bool> draining_{false};
  std::atomic<bool> abandoned_{false};
};

}  // namespace millrace::worker
