#pragma once

#include "worker/flow/completion_map.h"

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

namespace millrace::worker {

/// A record's place in its lease, counted from 0 in received order; never reused within the lease.
using SlotIndex = std::uint64_t;

/// The slots of one lease in received order: what was opened, what is settled, how far one may
/// commit.
///
/// Thread-safe: the poller opens, the emitter settles.
class Ring {
 public:
  struct Opened {
    SlotIndex slot = 0;
    /// The offset was done before this lease began; the slot is settled already and takes no part
    /// in anything.
    bool already_done = false;
  };

  /// One consistent look at what is done.
  struct Done {
    std::int64_t watermark = 0;
    std::vector<OffsetRun> above;
    /// Slots settled since the lease began, those already done left out.
    std::uint64_t settled = 0;
  };

  /// position: the offset of the first record that will come. already_done: ascending runs of an
  /// earlier owner.
  explicit Ring(std::int64_t position, std::vector<OffsetRun> already_done = {});

  /// Opens a slot. Offsets ascend; gaps are fine.
  Opened open(std::int64_t offset);

  /// Opens a slot for each offset under one lock; appends to `opened`.
  void open(std::span<const std::int64_t> offsets, std::vector<Opened>& opened);

  /// Says that nothing comes below `position` any more, so that the watermark of an empty ring may
  /// follow.
  void advance(std::int64_t position);

  void settle(SlotIndex slot);
  /// Settles each slot, exactly once in its life, under one lock.
  void settle(std::span<const SlotIndex> slots);

  /// Says up to where the partition may be committed: the offset after the longest settled prefix,
  /// or the position when no slot is open. Never decreases.
  std::int64_t watermark() const;

  /// The next offset that is expected: one after the last opened.
  std::int64_t position() const;

  /// Returns the watermark and at most `max_runs` runs of what is settled above it, lowest first.
  Done done(std::size_t max_runs = 1024) const;

  std::uint64_t settled() const;

  /// Slots between the watermark and the position, settled ones included: what the ring costs in
  /// memory (16 bytes each).
  std::size_t span() const;

 private:
  struct Slot {
    std::int64_t offset = 0;
    bool settled = false;
  };

  Slot& at(SlotIndex slot) { return slots_[slot & (slots_.size() - 1)]; }

  const Slot& at(SlotIndex slot) const { return slots_[slot & (slots_.size() - 1)]; }

  Opened open_one(std::int64_t offset);
  void settle_one(SlotIndex slot);
  void pop_settled();
  void grow();

  mutable std::mutex mutex_;
  std::vector<Slot> slots_;  // a power of two; slot s stands at s modulo size
  SlotIndex first_ = 0;      // oldest unsettled slot
  SlotIndex next_ = 0;
  std::int64_t watermark_ = 0;
  std::int64_t position_ = 0;
  std::uint64_t settled_ = 0;
  std::vector<OffsetRun> already_done_;
  std::size_t cursor_ = 0;  // runs of already_done_ below this end at or before position_
};

}  // namespace millrace::worker
