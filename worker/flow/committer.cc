#include "worker/flow/committer.h"

#include "worker/flow/completion_map.h"

#include <utility>

namespace millrace::worker {

Committer::Committer(CommitOptions options, Metrics& metrics)
    : options_(options),
      commits_(metrics.counter("worker_commit_total", "Commits of positions that were started.")) {}

bool Committer::due(Leases leases, Instant now) const {
  if (now >= next_) return true;
  for (const auto& lease : leases) {
    const auto known = committed_.find(lease->lease().id);
    const std::uint64_t committed = known == committed_.end() ? 0 : known->second.settled;
    if (lease->ring().settled() - committed >= options_.max_redo_records) return true;
  }
  return false;
}

connectors::Position Committer::position_of(const LeaseState& lease, std::uint64_t& settled) const {
  Ring::Done done = lease.ring().done();
  settled = done.settled;
  connectors::Position position;
  position.lease = lease.lease().id;
  position.offset = done.watermark;
  if (done.above.empty()) return position;
  CompletionMap map;
  map.worker = options_.worker;
  map.epoch = epoch_;
  map.base = done.watermark;
  map.runs = std::move(done.above);
  position.metadata = encode(map);
  return position;
}

std::vector<connectors::Position> Committer::take(Leases leases, Instant now) {
  next_ = now + options_.interval;
  std::vector<connectors::Position> positions;
  for (const auto& lease : leases) {
    if (lease->dead() || lease->ring().watermark() < 0) continue;
    Committed& committed = committed_[lease->lease().id];
    const std::uint64_t settled = lease->ring().settled();
    const std::int64_t watermark = lease->ring().watermark();
    // Nothing settled and nothing moved: the map cannot have changed either.
    if (committed.known && settled == committed.settled && watermark == committed.offset) continue;
    connectors::Position position = position_of(*lease, committed.settled);
    committed.offset = position.offset;
    committed.known = true;
    positions.push_back(std::move(position));
  }
  if (!positions.empty()) {
    ++epoch_;
    commits_.add();
  }
  return positions;
}

std::vector<connectors::Position> Committer::last(Leases leases) {
  std::vector<connectors::Position> positions;
  for (const auto& lease : leases) {
    if (lease->ring().watermark() < 0) continue;
    Committed& committed = committed_[lease->lease().id];
    positions.push_back(position_of(*lease, committed.settled));
    committed.offset = positions.back().offset;
    committed.known = true;
  }
  if (!positions.empty()) {
    ++epoch_;
    commits_.add();
  }
  return positions;
}

void Committer::forget_all() {
  for (auto& [lease, committed] : committed_) committed.known = false;
}

std::optional<std::int64_t> Committer::committed(connectors::LeaseId lease) const {
  const auto known = committed_.find(lease);
  if (known == committed_.end() || !known->second.known) return std::nullopt;
  return known->second.offset;
}

}  // namespace millrace::worker
