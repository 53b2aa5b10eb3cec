#pragma once

#include "connectors/contract/record.h"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::worker {

/// How a record ended.
enum class Fate : std::uint8_t { published, filtered, dead_lettered, already_done, discarded };

inline constexpr std::size_t kFates = 5;

/// Returns the snake_case name, as metrics carry it.
std::string_view name(Fate fate);

/// The counts of one partition, or the sum of several.
struct LedgerCounts {
  std::uint64_t received = 0;
  std::uint64_t published = 0;
  std::uint64_t filtered = 0;
  std::uint64_t dead_lettered = 0;
  std::uint64_t already_done = 0;
  std::uint64_t discarded = 0;
  std::uint64_t in_flight = 0;

  /// True if every received record has exactly one fate or is in flight.
  bool balanced() const {
    return received == published + filtered + dead_lettered + already_done + discarded + in_flight;
  }

  LedgerCounts& operator+=(const LedgerCounts& other);

  friend bool operator==(const LedgerCounts&, const LedgerCounts&) = default;
};

/// Counts every record of a partition into exactly one fate.
///
/// Thread-safe. Lives longer than a lease: a partition that comes back goes on counting.
class Ledger {
 public:
  /// Books records that came: all of them, and those among them that were done before.
  void receive(std::uint64_t records, std::uint64_t already_done);

  /// Books the end of records in flight. `fate` is not already_done.
  void settle(Fate fate, std::uint64_t records = 1);

  /// Books several fates at once; `received`, `already_done` and `in_flight` of `fates` are
  /// ignored.
  void settle(const LedgerCounts& fates);

  /// Returns one consistent look.
  LedgerCounts counts() const;

 private:
  mutable std::mutex mutex_;
  LedgerCounts counts_;
};

/// The ledgers of a source, one for each partition it has ever had.
///
/// Thread-safe.
class Ledgers {
 public:
  struct Row {
    std::string topic;
    std::int32_t partition = 0;
    LedgerCounts counts;
  };

  /// Returns the ledger of a partition, new or known.
  std::shared_ptr<Ledger> of(std::string_view topic, std::int32_t partition);

  std::vector<Row> rows() const;
  LedgerCounts total() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::int32_t>, std::shared_ptr<Ledger>> ledgers_;
};

}  // namespace millrace::worker
