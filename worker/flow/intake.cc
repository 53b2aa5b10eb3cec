#include "worker/flow/intake.h"

#include "config/base/check.h"
#include "config/base/log.h"
#include "worker/flow/completion_map.h"

#include <functional>
#include <string_view>
#include <utility>

namespace millrace::worker {
namespace {

std::size_t key_bucket(const Bytes& key, std::size_t buckets) {
  // Records without a key follow each other, as the records of one more key.
  if (key.is_null()) return 0;
  return std::hash<std::string_view>()(key.view()) % buckets;
}

Result<std::vector<OffsetRun>> done_before(const connectors::Assigned& assigned) {
  if (assigned.metadata.empty()) return std::vector<OffsetRun>();
  auto map = decode_completion_map(assigned.metadata);
  if (!map) return std::move(map).error();
  // Somebody has moved the offset since: what the map says is about another time.
  if (map->base != assigned.position) return std::vector<OffsetRun>();
  return std::move(map->runs);
}

}  // namespace

Intake::Intake(Ordering ordering, Exit& exit, Ledgers& ledgers, Metrics& metrics)
    : ordering_(ordering),
      exit_(exit),
      ledgers_(ledgers),
      ignored_maps_(metrics.counter("worker_ignored_completion_maps_total",
                                    "Completion maps that could not be read; costs work only.")),
      already_done_(metrics.counter("worker_records_total",
                                    "Records by how they ended.",
                                    {{"fate", std::string(name(Fate::already_done))}})) {}

void Intake::assigned(const connectors::Assigned& assigned) {
  auto already_done = done_before(assigned);
  if (!already_done) {
    ignored_maps_.add();
    log::warn("completion map ignored", already_done.error());
    already_done = std::vector<OffsetRun>();
  }
  Entry entry;
  entry.state = std::make_shared<LeaseState>(
      Lease{assigned.lease, std::string(assigned.topic), assigned.partition},
      assigned.position,
      std::move(*already_done),
      ledgers_.of(assigned.topic, assigned.partition));
  if (ordering_ == Ordering::key) entry.last_of_key.assign(kKeyBuckets, kNoTurn);
  const bool fresh = entries_.emplace(assigned.lease, std::move(entry)).second;
  check(fresh, "a lease begins once");
}

void Intake::revoking(connectors::LeaseId lease) {
  if (LeaseState* state = find(lease)) state->move_to(LeaseStage::closing);
}

void Intake::end(connectors::LeaseId lease) {
  if (LeaseState* state = find(lease)) state->move_to(LeaseStage::dead);
  entries_.erase(lease);
}

LeaseState* Intake::find(connectors::LeaseId lease) {
  const auto entry = entries_.find(lease);
  return entry == entries_.end() ? nullptr : entry->second.state.get();
}

std::vector<std::shared_ptr<LeaseState>> Intake::leases() const {
  std::vector<std::shared_ptr<LeaseState>> leases;
  leases.reserve(entries_.size());
  for (const auto& [id, entry] : entries_) leases.push_back(entry.state);
  return leases;
}

std::size_t Intake::admit(std::span<connectors::Record> records,
                          Instant now,
                          std::vector<FateToken>& tokens) {
  std::size_t taken = 0;
  while (taken < records.size()) {
    const connectors::LeaseId lease = records[taken].origin.lease;
    std::size_t run_end = taken + 1;
    while (run_end < records.size() && records[run_end].origin.lease == lease) ++run_end;
    const auto run = records.subspan(taken, run_end - taken);
    const auto entry = entries_.find(lease);
    if (entry == entries_.end() || !entry->second.state->active()) {
      // Never received, as far as we are concerned: the next owner reads them.
      taken += run.size();
      continue;
    }
    const std::size_t admitted = admit_run(entry->second, run, now, tokens);
    taken += admitted;
    if (admitted < run.size()) break;
  }
  return taken;
}

std::size_t Intake::admit_run(Entry& entry,
                              std::span<connectors::Record> records,
                              Instant now,
                              std::vector<FateToken>& tokens) {
  LeaseState& lease = *entry.state;
  // Books before opening: a slot that is open must become a token.
  std::size_t fitting = 0;
  while (fitting < records.size() && exit_.budget.admits(records[fitting].size_bytes)) {
    exit_.budget.book(1, records[fitting].size_bytes);
    ++fitting;
  }
  if (fitting == 0) return 0;
  offsets_.clear();
  opened_.clear();
  for (const auto& record : records.first(fitting)) offsets_.push_back(record.origin.offset);
  lease.ring().open(offsets_, opened_);

  std::size_t spared = 0;
  std::size_t spared_bytes = 0;
  for (std::size_t i = 0; i < fitting; ++i) {
    connectors::Record& record = records[i];
    if (opened_[i].already_done) {
      ++spared;
      spared_bytes += record.size_bytes;
      continue;
    }
    auto passage = std::make_unique<Passage>();
    passage->record = std::move(record);
    passage->lease = entry.state;
    passage->slot = opened_[i].slot;
    passage->admitted = now;
    passage->booked_bytes = passage->record.size_bytes;
    take_turn(entry, *passage);
    tokens.emplace_back(std::move(passage), exit_);
  }
  lease.ledger().receive(fitting, spared);
  lease.add_in_flight(static_cast<std::int64_t>(fitting - spared));
  if (spared > 0) {
    already_done_.add(spared);
    exit_.budget.release(spared, spared_bytes);
  }
  return fitting;
}

void Intake::take_turn(Entry& entry, Passage& passage) const {
  if (ordering_ == Ordering::none) return;
  passage.turn = entry.next_turn++;
  if (ordering_ == Ordering::partition) {
    if (passage.turn > 0) passage.after = passage.turn - 1;
    return;
  }
  Turn& last = entry.last_of_key[key_bucket(passage.record.key, kKeyBuckets)];
  passage.after = std::exchange(last, passage.turn);
}

}  // namespace millrace::worker
