#pragma once

#include "config/base/result.h"
#include "connectors/contract/record.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace millrace::connectors {

/// A message on its way out.
struct OutRecord {
  Bytes key;
  Bytes value;
  std::vector<Header> headers;
  std::int64_t timestamp_ms = -1;
  /// Where the record goes if the sink has partitions; -1 lets the partitioner choose by key.
  std::int32_t partition = -1;
};

/// The sink's answer for one record: delivered, or why not.
///
/// `opaque` is what write() was given. Kinds: invalid_input (this record will never fit: code
/// TOO_LARGE), unavailable (timed out; may be written again), denied, not_found, fenced, local_io.
struct Verdict {
  std::uint64_t opaque = 0;
  std::optional<Error> error;
};

enum class Accepted : std::uint8_t { yes, full };

/// Accepts records and later tells their verdicts, in any order. Confined to the emitter thread.
class Sink {
 public:
  virtual ~Sink() = default;

  /// Connects and warms up. Errors: unavailable, denied, not_found, invalid_input.
  virtual Result<void> open() = 0;

  /// Takes a record (it is moved from only when `yes` is returned) and never blocks. `full` means:
  /// poll, then try again.
  ///
  /// An error is final for this record, as a verdict's would be; no verdict follows.
  virtual Result<Accepted> write(OutRecord& record, std::uint64_t opaque) = 0;

  /// Appends the verdicts that are ready, waiting at most `wait` for the first. Errors end the
  /// worker.
  virtual Result<void> poll(std::chrono::milliseconds wait, std::vector<Verdict>& verdicts) = 0;

  /// Hurries buffered records out (no linger, fsync for files), without waiting for verdicts.
  virtual Result<void> flush() = 0;

  /// Closes after the last verdict. Nothing may be called afterwards but the destructor.
  virtual Result<void> close(std::chrono::milliseconds deadline) = 0;

  /// Records written without a verdict yet.
  virtual std::size_t outstanding() const = 0;
};

}  // namespace millrace::connectors
