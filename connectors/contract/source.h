#pragma once

#include "config/base/result.h"
#include "connectors/contract/record.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace millrace::connectors {

/// A partition has become ours. Records of it carry `lease`.
struct Assigned {
  LeaseId lease = 0;
  std::string_view topic;
  std::int32_t partition = 0;
  /// The offset of the first record that will come; what was committed before, or where reading
  /// begins.
  std::int64_t position = 0;
  /// The metadata string of the committed offset; empty if there is none.
  std::string metadata;
};

/// A partition is asked back. Records stop coming; the owner finishes what it can and then calls
/// release().
struct Revoking {
  LeaseId lease = 0;
  /// How long the owner may take at most before the group moves on without us.
  std::chrono::milliseconds budget{0};
};

/// A partition is gone already. Nothing of it may be committed; do not call release().
struct Lost {
  LeaseId lease = 0;
};

using SourceEvent = std::variant<Assigned, Revoking, Lost>;

/// How far a lease is done: the next offset to read after a restart, with up to 4 KiB of metadata.
struct Position {
  LeaseId lease = 0;
  std::int64_t offset = 0;
  std::string metadata;
};

/// What one poll brought. Events come before the records of the same poll.
struct Polled {
  std::vector<SourceEvent> events;
  std::vector<Record> records;
  /// The source is bounded and every record has been handed out (files, stdin, memory).
  bool exhausted = false;
};

/// What a progress bar and the lag gauge need.
struct SourceProgress {
  struct Partition {
    std::string topic;
    std::int32_t partition = 0;
    LeaseId lease = 0;
    std::int64_t position = 0;  // next offset handed out
    std::int64_t end = -1;      // offset after the last known record, -1 unknown
  };

  std::vector<Partition> partitions;
  std::optional<std::uint64_t> bytes_read, bytes_total;  // bounded sources
};

/// Hands out records, announces leases, pauses, commits positions.
///
/// Confined to the poller thread, except that its records may be destroyed anywhere. Outlives its
/// records.
class Source {
 public:
  virtual ~Source() = default;

  /// Connects and joins. Errors: unavailable, denied, not_found, invalid_input.
  virtual Result<void> open() = 0;

  /// Waits at most `wait` for something and returns at most `max_records` records, without waiting
  /// for more.
  ///
  /// `wait` 0 never blocks. Errors end the worker unless their kind is `unavailable`, which is
  /// retried.
  virtual Result<Polled> poll(std::chrono::milliseconds wait, std::size_t max_records) = 0;

  /// Stops and restarts records of leases; buffered ones may be fetched again. Dead leases are
  /// ignored. The source keeps the paused set itself, so pausing twice or resuming what is not
  /// paused is harmless.
  virtual void pause(std::span<const LeaseId> leases) = 0;
  virtual void resume(std::span<const LeaseId> leases) = 0;

  /// Commits positions of live leases, without waiting for the outcome. A later failure is reported
  /// by poll().
  virtual Result<void> commit(std::span<const Position> positions) = 0;

  /// Commits positions and waits, then gives the leases of a Revoking event back. Call once for all
  /// leases of the event.
  virtual Result<void> release(std::span<const LeaseId> leases,
                               std::span<const Position> positions) = 0;

  /// Commits positions, waits, leaves the group. Nothing may be called afterwards but the
  /// destructor.
  virtual Result<void> close(std::span<const Position> positions,
                             std::chrono::milliseconds deadline) = 0;

  virtual SourceProgress progress() const = 0;

  /// True if a restart continues at committed positions (Kafka); false for stdin and plain files.
  virtual bool keeps_positions() const = 0;
};

}  // namespace millrace::connectors
