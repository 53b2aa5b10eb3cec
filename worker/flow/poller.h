#pragma once

#include "config/base/clock.h"
#include "config/base/metrics.h"
#include "connectors/contract/source.h"
#include "worker/flow/committer.h"
#include "worker/flow/fate.h"
#include "worker/flow/intake.h"
#include "worker/flow/ledger.h"
#include "worker/flow/loop.h"
#include "worker/flow/stop_reason.h"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

// How to drive one, on one thread:
//
//     Poller poller("reviews", source, options, exit, deliver, stop, metrics, clock);
//     budget.notify_when_low(signal);
//     while (!finished) {
//       const Progress progress = poller.step();
//       if (!progress.did_work) signal.wait_until(progress.wake_at);
//     }
//     poller.close(5s);
//
// To end: drain() everybody, wait until nothing is in flight (or the deadline), then close(). A
// bounded source ends by itself: exhausted() and nothing in flight.

namespace millrace::worker {

struct PollerOptions {
  Ordering ordering = Ordering::partition;
  CommitOptions commit;
  /// The most records of one poll, and so of one chunk for the pool.
  std::size_t max_poll_records = 512;
  /// How long a poll may wait inside the source; zero in a simulation.
  std::chrono::milliseconds poll_wait{50};
  /// How long a full budget is waited out without polling, before the source is paused: pausing
  /// throws away what was fetched ahead.
  std::chrono::milliseconds hold{100};
  /// The most time a revoked partition gets to finish.
  std::chrono::milliseconds drain_timeout{25'000};
  /// A lease with more slots than this between its watermark and its position is paused until half
  /// are left, so that one stuck record cannot make the ring grow without end.
  std::size_t max_span = 262'144;
  /// The pause after a poll that found the source away, doubled each time up to the second.
  std::chrono::milliseconds retry_first{100};
  std::chrono::milliseconds retry_last{10'000};
};

/// How far a source is, for the status page.
struct PollerProgress {
  struct Partition {
    std::string topic;
    std::int32_t partition = 0;
    std::int64_t position = 0;
    std::int64_t committed = -1;  // -1: nothing yet in this lease
    std::int64_t end = -1;        // -1: unknown
  };

  std::vector<Partition> partitions;
  std::optional<std::uint64_t> bytes_read, bytes_total;
};

/// Owns the way in: polls, admits, hands chunks to the pool, commits, gives revoked partitions
/// back.
class Poller final : public Loop {
 public:
  /// Takes a chunk of admitted records, called on the poller's thread. Must not wait.
  using Deliver = std::function<void(std::vector<FateToken>)>;

  /// source is open. Everything referred to outlives the poller and its tokens.
  Poller(std::string name,
         connectors::Source& source,
         PollerOptions options,
         Exit& exit,
         Deliver deliver,
         StopReason& stop,
         Metrics& metrics,
         const Clock& clock);

  /// Does nothing more once the worker is stopped: what was not committed by then is not committed.
  Progress step() override;

  /// Admits nothing more, but goes on polling and committing. Thread-safe.
  void drain() { draining_.store(true, std::memory_order_release); }

  /// True when a bounded source has handed out everything and it has been admitted. Thread-safe.
  bool exhausted() const { return exhausted_.load(std::memory_order_acquire); }

  /// True while the source is paused or held because the budget is full. Thread-safe.
  bool paused() const { return paused_.load(std::memory_order_acquire); }

  /// Commits the last positions (nothing, if the worker was stopped by an error) and closes the
  /// source. Call on the poller's thread, as the last.
  Result<void> close(std::chrono::milliseconds deadline);

  /// Thread-safe.
  const Ledgers& ledgers() const { return ledgers_; }

  /// Refreshed about twice a second. Thread-safe.
  PollerProgress progress() const;

  const std::string& name() const { return name_; }

 private:
  struct Revocation {
    std::vector<connectors::LeaseId> leases;
    Instant deadline;
  };

  enum class Pressure : std::uint8_t { none, holding, paused };

  void begin_drain();

  std::size_t held() const { return held_.size() - held_from_; }

  bool admit(Instant now);
  void update_pressure(Instant now);
  void set_pressure(Pressure pressure, Instant now);
  bool may_poll(Instant now) const;
  bool poll(Instant now);
  std::chrono::milliseconds poll_wait(Instant now) const;
  void away(const Error& error, Instant now);
  void handle_events(const std::vector<connectors::SourceEvent>& events, Instant now);
  void revoke(const std::vector<connectors::Revoking>& events, Instant now);
  void lost(connectors::LeaseId lease);
  bool release_revoked(Instant now);
  void release(const Revocation& revocation);
  void drop_held(connectors::LeaseId lease);
  void limit_spans();
  bool commit_if_due(Instant now);
  void follow_positions();
  void publish_progress(Instant now);
  std::vector<connectors::LeaseId> lease_ids() const;
  Instant wake_at(Instant now) const;

  std::string name_;
  connectors::Source& source_;
  PollerOptions options_;
  Exit& exit_;
  Deliver deliver_;
  StopReason& stop_;
  const Clock& clock_;

  Ledgers ledgers_;
  Intake intake_;
  Committer committer_;
  std::vector<connectors::Record> held_;  // polled, not admitted yet
  std::size_t held_from_ = 0;
  std::vector<Revocation> revocations_;
  std::vector<connectors::LeaseId> overlong_;  // paused because of max_span
  Pressure pressure_ = Pressure::none;
  Instant pressure_since_{};
  bool drain_seen_ = false;
  bool source_exhausted_ = false;
  std::chrono::milliseconds retry_{0};  // zero: the source is there
  Instant retry_at_{};
  Instant progress_at_{};

  Gauge& paused_gauge_;
  Gauge& outage_;
  Gauge& lag_;
  std::atomic<bool> draining_{false};
  std::atomic<bool> exhausted_{false};
  std::atomic<bool> paused_{false};
  mutable std::mutex progress_mutex_;
  PollerProgress progress_;
};

}  // namespace millrace::worker
