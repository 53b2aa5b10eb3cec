#pragma once

#include "config/base/metrics.h"
#include "connectors/contract/source.h"
#include "worker/flow/fate.h"
#include "worker/flow/ledger.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

namespace millrace::worker {

/// What order outputs keep: that of their partition, that of records with the same key, none.
enum class Ordering : std::uint8_t { partition, key, none };

/// Gives every record its slot, its place in the order and its token, under the lease it came with.
///
/// Confined to the poller thread.
class Intake {
 public:
  /// exit, ledgers and metrics outlive the intake and its tokens.
  Intake(Ordering ordering, Exit& exit, Ledgers& ledgers, Metrics& metrics);

  /// Begins a lease. A completion map in the metadata spares the offsets it names; an unreadable
  /// one is ignored and counted.
  void assigned(const connectors::Assigned& assigned);

  /// Ends admission for the lease and moves it to `closing`.
  void revoking(connectors::LeaseId lease);

  /// Ends the lease: `dead`, and forgotten here.
  void end(connectors::LeaseId lease);

  /// Admits records from the front as long as the budget lets; appends their tokens to `tokens`.
  ///
  /// Returns how many records were taken. Those done before and those of leases that are not active
  /// are taken without a token. The records taken are moved from.
  std::size_t admit(std::span<connectors::Record> records,
                    Instant now,
                    std::vector<FateToken>& tokens);

  /// Returns the lease, or nullptr if it is not ours (any more).
  LeaseState* find(connectors::LeaseId lease);

  /// The leases that are active or closing.
  std::vector<std::shared_ptr<LeaseState>> leases() const;

 private:
  /// Turns are remembered by key hash in a table of fixed size: keys that collide are kept in order
  /// with each other, which is more than was asked and needs no clean-up.
  static constexpr std::size_t kKeyBuckets = 16'384;

  struct Entry {
    std::shared_ptr<LeaseState> state;
    Turn next_turn = 0;
    std::vector<Turn> last_of_key;  // kKeyBuckets, only with Ordering::key
  };

  std::size_t admit_run(Entry& entry,
                        std::span<connectors::Record> records,
                        Instant now,
                        std::vector<FateToken>& tokens);
  void take_turn(Entry& entry, Passage& passage) const;

  Ordering ordering_;
  Exit& exit_;
  Ledgers& ledgers_;
  Counter& ignored_maps_;
  Counter& already_done_;
  std::unordered_map<connectors::LeaseId, Entry> entries_;
  std::vector<std::int64_t> offsets_;  // scratch of admit_run
  std::vector<Ring::Opened> opened_;
};

}  // namespace millrace::worker
