#pragma once

#include "config/base/clock.h"
#include "config/base/metrics.h"
#include "connectors/contract/source.h"
#include "worker/flow/lease.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace millrace::worker {

struct CommitOptions {
  std::chrono::milliseconds interval{1000};
  /// Commit sooner when this many records are done and not committed.
  std::uint64_t max_redo_records = 100'000;
  /// Names this process in the completion maps it writes.
  std::array<std::uint8_t, 16> worker{};
};

/// Turns what is done into the positions to commit.
///
/// Confined to the poller thread. Positions of a lease never go backwards, because watermarks do
/// not.
class Committer {
 public:
  using Leases = std::span<const std::shared_ptr<LeaseState>>;

  Committer(CommitOptions options, Metrics& metrics);

  /// Says whether take() should be called now.
  bool due(Leases leases, Instant now) const;

  /// When the interval is over.
  Instant next() const { return next_; }

  /// Returns the positions of the leases whose watermark or map has changed, and takes them as
  /// committed.
  std::vector<connectors::Position> take(Leases leases, Instant now);

  /// Returns the last position of each lease, changed or not, for release and close.
  std::vector<connectors::Position> last(Leases leases);

  /// Takes nothing as committed any more, because a commit has failed; the next take() gives
  /// everything again.
  void forget_all();

  void forget(connectors::LeaseId lease) { committed_.erase(lease); }

  /// The offset that was committed last, if any was.
  std::optional<std::int64_t> committed(connectors::LeaseId lease) const;

 private:
  struct Committed {
    std::int64_t offset = -1;
    std::uint64_t settled = 0;
    bool known = false;
  };

  connectors::Position position_of(const LeaseState& lease, std::uint64_t& settled) const;

  CommitOptions options_;
  Counter& commits_;
  std::uint64_t epoch_ = 0;
  Instant next_{};
  std::unordered_map<connectors::LeaseId, Committed> committed_;
};

}  // namespace millrace::worker
