#pragma once

#include "connectors/contract/source.h"

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::connectors {

/// A topic in memory with the habits of Kafka: partitions, offsets with gaps, leases, committed
/// positions.
///
/// For the simulator and tests. The Source part belongs to one thread, as ever; all else is
/// thread-safe, so that a test can push and script while a poller polls. What a script breaks (an
/// early release, a commit of a dead lease) is counted instead of corrected.
class MemorySource final : public Source {
 public:
  explicit MemorySource(std::string topic = "memory", std::int32_t partitions = 1);

  // What a test does.

  /// Appends a record and returns its offset. Null bytes make a tombstone or a record without a
  /// key.
  std::int64_t push(std::int32_t partition,
                    Bytes value,
                    Bytes key = {},
                    std::vector<Header> headers = {});

  std::int64_t push(std::int32_t partition, std::string_view value) {
    return push(partition, Bytes::copy_of(value));
  }

  /// Leaves a gap of `count` offsets, as compaction and transaction markers do.
  void skip_offsets(std::int32_t partition, std::int64_t count);

  /// Says that nothing will be pushed any more: the source is exhausted when all has been handed
  /// out.
  void finish();

  /// Gives a partition to the reader, from its committed position. open() does so for all, unless
  /// assign_on_open(false).
  void assign(std::int32_t partition);
  void assign_on_open(bool wanted);

  /// Asks a partition back. Nothing of it comes any more until it is assigned again.
  void revoke(std::int32_t partition, std::chrono::milliseconds budget = std::chrono::seconds(10));

  /// Takes a partition away at once.
  void lose(std::int32_t partition);

  /// The next open(), poll(), commit() or release() fails with this.
  void fail_next_open(Error problem);
  void fail_next_poll(Error problem);
  void fail_next_commit(Error problem);

  /// Commits as an earlier worker would have.
  void set_committed(std::int32_t partition, std::int64_t offset, std::string metadata = {});

  // What a test looks at.

  /// Returns the committed offset, or nothing.
  std::optional<std::int64_t> committed(std::int32_t partition) const;
  std::string committed_metadata(std::int32_t partition) const;

  /// Returns all positions that were committed, in order.
  std::vector<Position> commits() const;

  /// Positions that came for a lease which was gone; a correct owner keeps this at 0.
  std::size_t stale_commits() const;

  /// Returns the live lease of a partition, 0 if there is none.
  LeaseId lease(std::int32_t partition) const;
  bool paused(std::int32_t partition) const;
  bool closed() const;

  /// Keeps promises of files instead: a restart starts at the beginning.
  void forget_positions() { keeps_positions_ = false; }

  // Source.

  Result<void> open() override;
  Result<Polled> poll(std::chrono::milliseconds wait, std::size_t max_records) override;
  void pause(std::span<const LeaseId> leases) override;
  void resume(std::span<const LeaseId> leases) override;
  Result<void> commit(std::span<const Position> positions) override;
  Result<void> release(std::span<const LeaseId> leases,
                       std::span<const Position> positions) override;
  Result<void> close(std::span<const Position> positions,
                     std::chrono::milliseconds deadline) override;
  SourceProgress progress() const override;

  bool keeps_positions() const override { return keeps_positions_; }

 private:
  struct Stored {
    std::int64_t offset;
    Bytes key;
    Bytes value;
    std::vector<Header> headers;
  };

  struct Partition {
    std::vector<Stored> log;
    std::int64_t end = 0;   // offset of the next push
    std::size_t next = 0;   // index into the log of the next record to hand out
    LeaseId lease = 0;      // 0: not ours
    bool revoking = false;  // asked back, not released yet
    std::optional<std::int64_t> committed;
    std::string metadata;
  };

  Partition& at(std::int32_t partition);
  const Partition& at(std::int32_t partition) const;
  Partition* owner_of(LeaseId lease);
  void assign_locked(std::int32_t partition);
  Result<void> commit_locked(std::span<const Position> positions);
  bool has_record(const Partition& partition) const;
  bool has_news() const;
  bool exhausted() const;
  void hand_out(std::size_t max_records, std::vector<Record>& records);

  const std::string topic_;
  mutable std::mutex mutex_;
  std::condition_variable news_;
  std::vector<Partition> partitions_;
  std::vector<SourceEvent> events_;
  std::set<LeaseId> paused_;
  std::size_t turn_ = 0;  // the partition that hands out first next time
  bool assign_on_open_ = true;
  bool finished_ = false;
  bool closed_ = false;
  bool keeps_positions_ = true;
  std::optional<Error> open_error_, poll_error_, commit_error_;
  std::vector<Position> commits_;
  std::size_t stale_commits_ = 0;
};

}  // namespace millrace::connectors
