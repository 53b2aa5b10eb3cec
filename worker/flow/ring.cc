#include "worker/flow/ring.h"

#include "config/base/check.h"

#include <algorithm>
#include <utility>

// A ring answers "up to where may we commit, and what is done beyond that?" for one lease.
//
// Slots stand in the order the records came. Offsets have gaps (compaction, transaction markers),
// so "contiguous" means: no unsettled slot before it. Example, offsets 10 11 15 16 received, x =
// settled:
//
//     10x 11  15x 16x          watermark 11: 10 is done, 11 is not. Above it [15, 17) is done.
//     10x 11x 15x 16x          watermark 17: nothing is open, so it is the position.
//
// Settled slots at the front are forgotten at once; settled ones behind an open slot stay until it
// settles.
//
// What an earlier owner had done above its watermark comes in as `already_done`. Its offsets are
// settled as they are opened; those that did not come again yet are part of every map until then,
// or a second crash would redo them.

namespace millrace::worker {
namespace {

constexpr std::size_t kFirstSize = 256;

void append_run(std::vector<OffsetRun>& runs, OffsetRun run) {
  if (!runs.empty() && runs.back().end >= run.first) {
    runs.back().end = std::max(runs.back().end, run.end);
    return;
  }
  runs.push_back(run);
}

}  // namespace

Ring::Ring(std::int64_t position, std::vector<OffsetRun> already_done)
    : slots_(kFirstSize),
      watermark_(position),
      position_(position),
      already_done_(std::move(already_done)) {}

Ring::Opened Ring::open(std::int64_t offset) {
  const std::lock_guard lock(mutex_);
  return open_one(offset);
}

void Ring::open(std::span<const std::int64_t> offsets, std::vector<Opened>& opened) {
  opened.reserve(opened.size() + offsets.size());
  const std::lock_guard lock(mutex_);
  for (const std::int64_t offset : offsets) opened.push_back(open_one(offset));
}

Ring::Opened Ring::open_one(std::int64_t offset) {
  check(offset >= position_, "offsets of a lease ascend");
  if (next_ - first_ == slots_.size()) grow();
  const bool nothing_open = first_ == next_;
  while (cursor_ < already_done_.size() && already_done_[cursor_].end <= offset) ++cursor_;
  const bool done = cursor_ < already_done_.size() && already_done_[cursor_].first <= offset;
  const SlotIndex slot = next_++;
  at(slot) = Slot{offset, done};
  position_ = offset + 1;
  if (done && nothing_open) pop_settled();
  return Opened{slot, done};
}

void Ring::advance(std::int64_t position) {
  const std::lock_guard lock(mutex_);
  if (position <= position_) return;
  position_ = position;
  if (first_ == next_) watermark_ = position_;
}

void Ring::settle(SlotIndex slot) {
  const std::lock_guard lock(mutex_);
  settle_one(slot);
  pop_settled();
}

void Ring::settle(std::span<const SlotIndex> slots) {
  const std::lock_guard lock(mutex_);
  for (const SlotIndex slot : slots) settle_one(slot);
  pop_settled();
}

void Ring::settle_one(SlotIndex slot) {
  check(slot >= first_ && slot < next_ && !at(slot).settled, "a slot is settled exactly once");
  at(slot).settled = true;
  ++settled_;
}

void Ring::pop_settled() {
  while (first_ < next_ && at(first_).settled) {
    watermark_ = at(first_).offset + 1;
    ++first_;
  }
  if (first_ == next_) watermark_ = position_;
}

void Ring::grow() {
  std::vector<Slot> larger(slots_.size() * 2);
  for (SlotIndex slot = first_; slot < next_; ++slot) {
    larger[slot & (larger.size() - 1)] = at(slot);
  }
  slots_ = std::move(larger);
}

std::int64_t Ring::watermark() const {
  const std::lock_guard lock(mutex_);
  return watermark_;
}

std::int64_t Ring::position() const {
  const std::lock_guard lock(mutex_);
  return position_;
}

Ring::Done Ring::done(std::size_t max_runs) const {
  const std::lock_guard lock(mutex_);
  Done done{watermark_, {}, settled_};
  bool in_run = false;
  for (SlotIndex slot = first_; slot < next_; ++slot) {
    const Slot& seen = at(slot);
    if (!seen.settled) {
      in_run = false;
      continue;
    }
    if (in_run) {
      done.above.back().end = seen.offset + 1;
      continue;
    }
    if (done.above.size() == max_runs) return done;
    done.above.push_back(OffsetRun{seen.offset, seen.offset + 1});
    in_run = true;
  }
  for (std::size_t i = cursor_; i < already_done_.size(); ++i) {
    const OffsetRun rest{std::max(already_done_[i].first, position_), already_done_[i].end};
    if (rest.first >= rest.end) continue;
    if (done.above.size() == max_runs) return done;
    append_run(done.above, rest);
  }
  return done;
}

std::uint64_t Ring::settled() const {
  const std::lock_guard lock(mutex_);
  return settled_;
}

std::size_t Ring::span() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(next_ - first_);
}

}  // namespace millrace::worker
