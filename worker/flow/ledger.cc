#include "worker/flow/ledger.h"

#include "config/base/check.h"

namespace millrace::worker {

std::string_view name(Fate fate) {
  switch (fate) {
    case Fate::published:
      return "published";
    case Fate::filtered:
      return "filtered";
    case Fate::dead_lettered:
      return "dead_lettered";
    case Fate::already_done:
      return "already_done";
    case Fate::discarded:
      break;
  }
  return "discarded";
}

LedgerCounts& LedgerCounts::operator+=(const LedgerCounts& other) {
  received += other.received;
  published += other.published;
  filtered += other.filtered;
  dead_lettered += other.dead_lettered;
  already_done += other.already_done;
  discarded += other.discarded;
  in_flight += other.in_flight;
  return *this;
}

void Ledger::receive(std::uint64_t records, std::uint64_t already_done) {
  check(already_done <= records, "what was done before was received");
  const std::lock_guard lock(mutex_);
  counts_.received += records;
  counts_.already_done += already_done;
  counts_.in_flight += records - already_done;
}

void Ledger::settle(Fate fate, std::uint64_t records) {
  LedgerCounts fates;
  switch (fate) {
    case Fate::published:
      fates.published = records;
      break;
    case Fate::filtered:
      fates.filtered = records;
      break;
    case Fate::dead_lettered:
      fates.dead_lettered = records;
      break;
    case Fate::discarded:
      fates.discarded = records;
      break;
    case Fate::already_done:
      check(false, "what was done before never was in flight");
  }
  settle(fates);
}

void Ledger::settle(const LedgerCounts& fates) {
  const std::uint64_t ended =
      fates.published + fates.filtered + fates.dead_lettered + fates.discarded;
  const std::lock_guard lock(mutex_);
  check(ended <= counts_.in_flight, "only records in flight come to an end");
  counts_.in_flight -= ended;
  counts_.published += fates.published;
  counts_.filtered += fates.filtered;
  counts_.dead_lettered += fates.dead_lettered;
  counts_.discarded += fates.discarded;
}

LedgerCounts Ledger::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

std::shared_ptr<Ledger> Ledgers::of(std::string_view topic, std::int32_t partition) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Ledger>& ledger = ledgers_[{std::string(topic), partition}];
  if (!ledger) ledger = std::make_shared<Ledger>();
  return ledger;
}

std::vector<Ledgers::Row> Ledgers::rows() const {
  std::vector<Row> rows;
  const std::lock_guard lock(mutex_);
  rows.reserve(ledgers_.size());
  for (const auto& [key, ledger] : ledgers_) {
    rows.push_back(Row{key.first, key.second, ledger->counts()});
  }
  return rows;
}

LedgerCounts Ledgers::total() const {
  LedgerCounts total;
  for (const Row& row : rows()) total += row.counts;
  return total;
}

}  // namespace millrace::worker
