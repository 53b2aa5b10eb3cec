#pragma once

#include "connectors/contract/record.h"
#include "worker/flow/ledger.h"
#include "worker/flow/ring.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace millrace::worker {

/// One ownership period of a partition.
struct Lease {
  connectors::LeaseId id = 0;
  std::string topic;
  std::int32_t partition = 0;
};

/// active: all is normal. closing: being revoked; what has not reached the device yet is discarded,
/// the rest finishes. dead: everything is discarded before it has an effect. A lease only ever
/// moves to the right.
enum class LeaseStage : std::uint8_t { active, closing, dead };

/// What the records of a lease share.
///
/// Thread-safe. Shared by the intake and every passage of the lease, so it outlives both.
class LeaseState {
 public:
  LeaseState(Lease lease,
             std::int64_t position,
             std::vector<OffsetRun> already_done,
             std::shared_ptr<Ledger> ledger)
      : lease_(std::move(lease)),
        ring_(position, std::move(already_done)),
        ledger_(std::move(ledger)) {}

  const Lease& lease() const { return lease_; }

  Ring& ring() { return ring_; }

  const Ring& ring() const { return ring_; }

  Ledger& ledger() { return *ledger_; }

  LeaseStage stage() const { return stage_.load(std::memory_order_acquire); }

  bool active() const { return stage() == LeaseStage::active; }

  bool dead() const { return stage() == LeaseStage::dead; }

  /// Moves the stage to the right; a step to the left is ignored.
  void move_to(LeaseStage stage) {
    LeaseStage seen = stage_.load(std::memory_order_relaxed);
    while (seen < stage && !stage_.compare_exchange_weak(seen, stage, std::memory_order_acq_rel)) {
    }
  }

  /// Records admitted and not yet settled or discarded.
  std::int64_t in_flight() const { return in_flight_.load(std::memory_order_acquire); }

  void add_in_flight(std::int64_t records) {
    in_flight_.fetch_add(records, std::memory_order_acq_rel);
  }

 private:
  Lease lease_;
  Ring ring_;
  std::shared_ptr<Ledger> ledger_;
  std::atomic<LeaseStage> stage_{LeaseStage::active};
  std::atomic<std::int64_t> in_flight_{0};
};

}  // namespace millrace::worker
