#include "connectors/memory/source.h"

#include "config/base/check.h"

#include <algorithm>
#include <utility>

namespace millrace::connectors {
namespace {

std::optional<Error> take(std::optional<Error>& problem) {
  return std::exchange(problem, std::nullopt);
}

std::size_t bytes_of(const Bytes& key, const Bytes& value, const std::vector<Header>& headers) {
  std::size_t size_bytes = key.size() + value.size();
  for (const Header& header : headers) size_bytes += header.name.size() + header.value.size();
  return size_bytes;
}

}  // namespace

MemorySource::MemorySource(std::string topic, std::int32_t partitions)
    : topic_(std::move(topic)), partitions_(static_cast<std::size_t>(partitions)) {}

MemorySource::Partition& MemorySource::at(std::int32_t partition) {
  return partitions_.at(static_cast<std::size_t>(partition));
}

const MemorySource::Partition& MemorySource::at(std::int32_t partition) const {
  return partitions_.at(static_cast<std::size_t>(partition));
}

MemorySource::Partition* MemorySource::owner_of(LeaseId lease) {
  if (lease == 0) return nullptr;
  const auto found = std::find_if(partitions_.begin(),
                                  partitions_.end(),
                                  [lease](const Partition& p) { return p.lease == lease; });
  return found == partitions_.end() ? nullptr : &*found;
}

std::int64_t MemorySource::push(std::int32_t partition,
                                Bytes value,
                                Bytes key,
                                std::vector<Header> headers) {
  const std::lock_guard lock(mutex_);
  Partition& target = at(partition);
  const std::int64_t offset = target.end++;
  target.log.push_back({offset, std::move(key), std::move(value), std::move(headers)});
  news_.notify_all();
  return offset;
}

void MemorySource::skip_offsets(std::int32_t partition, std::int64_t count) {
  const std::lock_guard lock(mutex_);
  at(partition).end += count;
}

void MemorySource::finish() {
  const std::lock_guard lock(mutex_);
  finished_ = true;
  news_.notify_all();
}

void MemorySource::assign(std::int32_t partition) {
  const std::lock_guard lock(mutex_);
  assign_locked(partition);
}

void MemorySource::assign_locked(std::int32_t partition) {
  Partition& target = at(partition);
  check(target.lease == 0, "a partition is assigned when nobody has it");
  const std::int64_t position = keeps_positions_ ? target.committed.value_or(0) : 0;
  target.lease = new_lease();
  target.revoking = false;
  target.next =
      static_cast<std::size_t>(std::lower_bound(target.log.begin(),
                                                target.log.end(),
                                                position,
                                                [](const Stored& stored, std::int64_t offset) {
                                                  return stored.offset < offset;
                                                }) -
                               target.log.begin());
  events_.emplace_back(Assigned{.lease = target.lease,
                                .topic = topic_,
                                .partition = partition,
                                .position = position,
                                .metadata = keeps_positions_ ? target.metadata : std::string()});
  news_.notify_all();
}

void MemorySource::assign_on_open(bool wanted) {
  const std::lock_guard lock(mutex_);
  assign_on_open_ = wanted;
}

void MemorySource::revoke(std::int32_t partition, std::chrono::milliseconds budget) {
  const std::lock_guard lock(mutex_);
  Partition& target = at(partition);
  check(target.lease != 0 && !target.revoking, "a partition is revoked from its owner, once");
  target.revoking = true;
  events_.emplace_back(Revoking{.lease = target.lease, .budget = budget});
  news_.notify_all();
}

void MemorySource::lose(std::int32_t partition) {
  const std::lock_guard lock(mutex_);
  Partition& target = at(partition);
  check(target.lease != 0, "a partition is lost by its owner");
  events_.emplace_back(Lost{.lease = target.lease});
  paused_.erase(target.lease);
  target.lease = 0;
  target.revoking = false;
  news_.notify_all();
}

void MemorySource::fail_next_open(Error problem) {
  const std::lock_guard lock(mutex_);
  open_error_ = std::move(problem);
}

void MemorySource::fail_next_poll(Error problem) {
  const std::lock_guard lock(mutex_);
  poll_error_ = std::move(problem);
  news_.notify_all();
}

void MemorySource::fail_next_commit(Error problem) {
  const std::lock_guard lock(mutex_);
  commit_error_ = std::move(problem);
}

void MemorySource::set_committed(std::int32_t partition,
                                 std::int64_t offset,
                                 std::string metadata) {
  const std::lock_guard lock(mutex_);
  at(partition).committed = offset;
  at(partition).metadata = std::move(metadata);
}

std::optional<std::int64_t> MemorySource::committed(std::int32_t partition) const {
  const std::lock_guard lock(mutex_);
  return at(partition).committed;
}

std::string MemorySource::committed_metadata(std::int32_t partition) const {
  const std::lock_guard lock(mutex_);
  return at(partition).metadata;
}

std::vector<Position> MemorySource::commits() const {
  const std::lock_guard lock(mutex_);
  return commits_;
}

std::size_t MemorySource::stale_commits() const {
  const std::lock_guard lock(mutex_);
  return stale_commits_;
}

LeaseId MemorySource::lease(std::int32_t partition) const {
  const std::lock_guard lock(mutex_);
  return at(partition).lease;
}

bool MemorySource::paused(std::int32_t partition) const {
  const std::lock_guard lock(mutex_);
  return paused_.count(at(partition).lease) > 0;
}

bool MemorySource::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

Result<void> MemorySource::open() {
  const std::lock_guard lock(mutex_);
  if (auto problem = take(open_error_)) return *std::move(problem);
  if (!assign_on_open_) return {};
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    if (partitions_[i].lease == 0) assign_locked(static_cast<std::int32_t>(i));
  }
  return {};
}

bool MemorySource::has_record(const Partition& partition) const {
  return partition.lease != 0 && !partition.revoking && paused_.count(partition.lease) == 0 &&
         partition.next < partition.log.size();
}

bool MemorySource::exhausted() const {
  return finished_ &&
         std::all_of(partitions_.begin(), partitions_.end(), [](const Partition& partition) {
           return partition.next >= partition.log.size();
         });
}

bool MemorySource::has_news() const {
  return poll_error_ || !events_.empty() ||
         std::any_of(partitions_.begin(), partitions_.end(), [this](const Partition& p) {
           return has_record(p);
         });
}

void MemorySource::hand_out(std::size_t max_records, std::vector<Record>& records) {
  // One record of each partition in turn, so that no partition waits for another.
  for (std::size_t idle = 0; idle < partitions_.size() && records.size() < max_records;) {
    const std::size_t index = turn_;
    turn_ = (turn_ + 1) % partitions_.size();
    Partition& partition = partitions_[index];
    if (!has_record(partition)) {
      ++idle;
      continue;
    }
    idle = 0;
    const Stored& stored = partition.log[partition.next++];
    Record record;
    record.origin = Origin{.topic = topic_,
                           .partition = static_cast<std::int32_t>(index),
                           .offset = stored.offset,
                           .lease = partition.lease};
    record.key = stored.key;
    record.value = stored.value;
    record.headers = stored.headers;
    record.size_bytes = bytes_of(stored.key, stored.value, stored.headers);
    records.push_back(std::move(record));
  }
}

Result<Polled> MemorySource::poll(std::chrono::milliseconds wait, std::size_t max_records) {
  std::unique_lock lock(mutex_);
  if (!has_news() && wait.count() > 0) {
    const bool was_exhausted = exhausted();
    news_.wait_for(lock, wait, [&] { return has_news() || exhausted() != was_exhausted; });
  }
  if (auto problem = take(poll_error_)) return *std::move(problem);
  Polled polled;
  polled.events = std::exchange(events_, {});
  hand_out(max_records, polled.records);
  polled.exhausted = exhausted();
  return polled;
}

void MemorySource::pause(std::span<const LeaseId> leases) {
  const std::lock_guard lock(mutex_);
  for (const LeaseId lease : leases) {
    if (owner_of(lease) != nullptr) paused_.insert(lease);
  }
}

void MemorySource::resume(std::span<const LeaseId> leases) {
  const std::lock_guard lock(mutex_);
  for (const LeaseId lease : leases) paused_.erase(lease);
}

Result<void> MemorySource::commit_locked(std::span<const Position> positions) {
  if (auto problem = take(commit_error_)) return *std::move(problem);
  for (const Position& position : positions) {
    Partition* partition = owner_of(position.lease);
    if (partition == nullptr) {
      ++stale_commits_;
      continue;
    }
    partition->committed = position.offset;
    partition->metadata = position.metadata;
    commits_.push_back(position);
  }
  return {};
}

Result<void> MemorySource::commit(std::span<const Position> positions) {
  const std::lock_guard lock(mutex_);
  return commit_locked(positions);
}

Result<void> MemorySource::release(std::span<const LeaseId> leases,
                                   std::span<const Position> positions) {
  const std::lock_guard lock(mutex_);
  auto committed = commit_locked(positions);
  for (const LeaseId lease : leases) {
    Partition* partition = owner_of(lease);
    if (partition == nullptr) continue;
    partition->lease = 0;
    partition->revoking = false;
    paused_.erase(lease);
  }
  return committed;
}

Result<void> MemorySource::close(std::span<const Position> positions,
                                 std::chrono::milliseconds /*deadline*/) {
  const std::lock_guard lock(mutex_);
  auto committed = commit_locked(positions);
  for (Partition& partition : partitions_) partition.lease = 0;
  paused_.clear();
  closed_ = true;
  return committed;
}

SourceProgress MemorySource::progress() const {
  const std::lock_guard lock(mutex_);
  SourceProgress progress;
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    const Partition& partition = partitions_[i];
    if (partition.lease == 0) continue;
    progress.partitions.push_back({.topic = topic_,
                                   .partition = static_cast<std::int32_t>(i),
                                   .lease = partition.lease,
                                   .position = partition.next < partition.log.size()
                                                   ? partition.log[partition.next].offset
                                                   : partition.end,
                                   .end = partition.end});
  }
  return progress;
}

}  // namespace millrace::connectors
