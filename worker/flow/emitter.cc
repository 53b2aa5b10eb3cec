#include "worker/flow/emitter.h"

#include "config/base/check.h"
#include "config/base/log.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace millrace::worker {
namespace {

/// An opaque value is the flight's place in the slab and the number of its output.
constexpr unsigned kOutputBits = 24;
constexpr std::uint32_t kDeadLetterOutput = (1U << kOutputBits) - 1;

std::uint64_t opaque_of(std::size_t flight, std::uint32_t output) {
  return static_cast<std::uint64_t>(flight) << kOutputBits | output;
}

constexpr std::chrono::seconds kDeadLetterLogInterval{1};

std::vector<double> latency_bounds() {
  return {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};
}

}  // namespace

/// A record whose outputs are being written.
struct Emitter::Flight {
  PassagePtr passage;
  std::uint64_t sequence = 0;     // order in which flights left the gate
  std::uint32_t outstanding = 0;  // outputs without a final verdict, the dead letter included
  bool has_dead_letter = false;
  bool omits_value = false;  // the dead letter was too large with it
  bool discarded = false;    // the lease died before every output was written
};

/// One output that waits to be written.
struct Emitter::Write {
  std::size_t flight = 0;
  std::uint32_t output = 0;
  std::uint64_t sequence = 0;
  bool again = false;
};

struct Emitter::Outlet {
  std::string name;
  connectors::Sink* sink = nullptr;
  Gauge* outage = nullptr;
  std::deque<Write> pending;  // by sequence
  bool full = false;
  bool dirty = false;  // written to since the last flush
  Instant flush_at{};
  std::chrono::milliseconds retry{0};  // zero: the sink is there
  Instant retry_at{};
  std::atomic<std::uint64_t> delivered{0};
  std::atomic<std::size_t> waiting{0};

  bool away() const { return retry.count() > 0; }
};

struct Emitter::Settled {
  PassagePtr passage;
  Fate fate = Fate::published;
};

Emitter::Emitter(std::vector<SinkSlot> sinks,
                 EmitterOptions options,
                 Exit& exit,
                 StopReason& stop,
                 Metrics& metrics,
                 const Clock& clock)
    : options_(std::move(options)),
      exit_(exit),
      stop_(stop),
      metrics_(metrics),
      clock_(clock),
      in_flight_records_(
          metrics.gauge("worker_in_flight_records", "Records between intake and settlement.")),
      in_flight_bytes_(
          metrics.gauge("worker_in_flight_bytes", "Bytes booked for records in flight.")),
      latency_(metrics.histogram(
          "worker_emit_latency_seconds", "Time from admission to settlement.", latency_bounds())) {
  for (SinkSlot& slot : sinks) {
    auto outlet = std::make_unique<Outlet>();
    outlet->outage = &metrics.gauge("worker_sink_outage",
                                    "1 while the sink does not take what is written to it.",
                                    {{"sink", slot.name}});
    outlet->name = std::move(slot.name);
    outlet->sink = slot.sink;
    outlets_.push_back(std::move(outlet));
  }
  check(!options_.dead_letters || *options_.dead_letters < outlets_.size(),
        "dead letters go to one of the sinks");
  for (const Fate fate : {Fate::published, Fate::filtered, Fate::dead_lettered, Fate::discarded}) {
    fates_[static_cast<std::size_t>(fate)] =
        &metrics.counter("worker_records_total",
                         "Records by how they ended.",
                         {{"fate", std::string(worker::name(fate))}});
  }
}

Emitter::~Emitter() = default;

Progress Emitter::step() {
  if (stop_.stopped()) return {};
  const Instant now = clock_.now();
  take_in();
  bool did_work = !arrived_.empty();
  arrived_.clear();
  for (PassagePtr& passage : passed_) launch(std::move(passage));
  const bool quiet = passed_.empty();
  passed_.clear();
  for (const auto& outlet : outlets_) {
    if (write_pending(*outlet, now)) did_work = true;
    if (poll_verdicts(*outlet, now)) did_work = true;
    if (quiet) flush_if_idle(*outlet, now);
    outlet->waiting.store(outlet->pending.size() + outlet->sink->outstanding(),
                          std::memory_order_relaxed);
  }
  if (settle_landed(now)) did_work = true;
  if (stop_.stopped()) return {};
  return Progress{did_work, wake_at(now)};
}

/// Moves what has arrived through the gate.
void Emitter::take_in() {
  exit_.inbox.pop_all(arrived_);
  for (PassagePtr& passage : arrived_) {
    if (passage->outcome == Outcome::failed) {
      if (abandoned_.load(std::memory_order_acquire)) continue;
      stop_.stop(error(Errc::internal,
                       "LOST_TOKEN",
                       fmt::format("nobody said how {} ended; its offset stays uncommitted",
                                   to_text(passage->record.origin))));
      continue;
    }
    if (passage->lease->dead()) passage->outcome = Outcome::discarded;
    gate_.arrive(std::move(passage), passed_);
  }
}

void Emitter::launch(PassagePtr passage) {
  if (passage->lease->dead()) passage->outcome = Outcome::discarded;
  if (passage->outcome == Outcome::discarded) {
    land(std::move(passage), Fate::discarded);
    return;
  }
  const bool rejected = passage->outcome == Outcome::dead_lettered;
  const bool writes_letter = rejected && options_.dead_letters.has_value();
  if (passage->outputs.empty() && !writes_letter) {
    land(std::move(passage), rejected ? Fate::dead_lettered : Fate::filtered);
    return;
  }
  std::size_t id = flights_.size();
  if (free_flights_.empty()) {
    flights_.emplace_back();
  } else {
    id = free_flights_.back();
    free_flights_.pop_back();
  }
  Flight& flight = flights_[id];
  flight = Flight{};
  flight.passage = std::move(passage);
  flight.sequence = next_sequence_++;
  const Emissions& outputs = flight.passage->outputs;
  check(outputs.size() < kDeadLetterOutput, "a record has fewer than 16 million outputs");
  for (std::uint32_t i = 0; i < outputs.size(); ++i) {
    check(outputs[i].sink < outlets_.size(), "an output goes to one of the sinks");
    ++flight.outstanding;
    enqueue(*outlets_[outputs[i].sink], id, i, false);
  }
  if (writes_letter) write_dead_letter(id);
}

/// Puts a write into its place: behind everything that left the gate before.
void Emitter::enqueue(Outlet& outlet, std::size_t flight, std::uint32_t output, bool again) {
  const Write write{flight, output, flights_[flight].sequence, again};
  auto& pending = outlet.pending;
  if (pending.empty() || pending.back().sequence <= write.sequence) {
    pending.push_back(write);
    return;
  }
  const auto later = std::upper_bound(
      pending.begin(), pending.end(), write.sequence, [](std::uint64_t sequence, const Write& w) {
        return sequence < w.sequence;
      });
  pending.insert(later, write);
}

bool Emitter::write_pending(Outlet& outlet, Instant now) {
  outlet.full = false;
  bool wrote = false;
  while (!outlet.pending.empty() && now >= outlet.retry_at && !outlet.full && !stop_.stopped()) {
    const Write write = outlet.pending.front();
    Flight& flight = flights_[write.flight];
    if (flight.passage->lease->dead()) {
      outlet.pending.pop_front();
      flight.discarded = true;
      delivered(write.flight);
      wrote = true;
      continue;
    }
    if (write_one(outlet, write, now, outlet.full)) wrote = true;
  }
  return wrote;
}

/// Writes the front of the queue; returns false, and leaves it there, if the sink is full.
bool Emitter::write_one(Outlet& outlet, const Write& write, Instant now, bool& full) {
  const Flight& flight = flights_[write.flight];
  const Passage& passage = *flight.passage;
  // A copy, which shares the bytes: the original is needed if the sink says "again".
  connectors::OutRecord record =
      write.output == kDeadLetterOutput
          ? dead_letter(passage.record,
                        *passage.failure,
                        options_.context,
                        flight.omits_value ? DeadLetterValue::omitted : DeadLetterValue::kept)
          : passage.outputs[write.output].record;
  // A dead letter stays as it is: what it carries behind its last header would not be taken off
  // again.
  if (write.again && write.output != kDeadLetterOutput) {
    record.headers.push_back(connectors::Header{"millrace-redelivery", Bytes::unowned("true")});
  }
  const std::uint64_t opaque = opaque_of(write.flight, write.output);
  const auto accepted = outlet.sink->write(record, opaque);
  if (accepted && *accepted == connectors::Accepted::full) {
    full = true;
    return false;
  }
  outlet.pending.pop_front();
  if (!accepted) {
    judge(outlet, opaque, accepted.error(), now);
    return true;
  }
  if (!outlet.dirty) outlet.flush_at = now + options_.flush_interval;
  outlet.dirty = true;
  return true;
}

bool Emitter::poll_verdicts(Outlet& outlet, Instant now) {
  if (stop_.stopped()) return false;
  verdicts_.clear();
  const auto polled = outlet.sink->poll(std::chrono::milliseconds(0), verdicts_);
  for (const connectors::Verdict& verdict : verdicts_) {
    judge(outlet, verdict.opaque, verdict.error, now);
  }
  if (!polled) stop_.stop(polled.error());
  return !verdicts_.empty();
}

void Emitter::judge(Outlet& outlet,
                    std::uint64_t opaque,
                    const std::optional<Error>& error,
                    Instant now) {
  const auto flight = static_cast<std::size_t>(opaque >> kOutputBits);
  const auto output = static_cast<std::uint32_t>(opaque & kDeadLetterOutput);
  check(flight < flights_.size() && flights_[flight].outstanding > 0,
        "a verdict belongs to a record that was written");
  if (!error) {
    if (outlet.away()) {
      log::info("sink is back", {{"sink", outlet.name}});
      outlet.retry = std::chrono::milliseconds(0);
      outlet.retry_at = now;
      outlet.outage->set(0);
    }
    outlet.delivered.fetch_add(1, std::memory_order_relaxed);
    delivered(flight);
    return;
  }
  switch (config::disposition(error->kind)) {
    case config::Disposition::dead_letter:
      refused(outlet, flight, output, *error);
      return;
    case config::Disposition::retry:
      write_again(outlet, flight, output, *error, now);
      return;
    case config::Disposition::split:
    case config::Disposition::stop:
      stop_.stop(*error);
      return;
  }
}

/// One output has its final verdict, or needs none.
void Emitter::delivered(std::size_t id) {
  Flight& flight = flights_[id];
  if (--flight.outstanding > 0) return;
  const bool rejected = flight.passage->outcome == Outcome::dead_lettered;
  const Fate fate = flight.discarded ? Fate::discarded
                    : rejected       ? Fate::dead_lettered
                                     : Fate::published;
  land(std::move(flight.passage), fate);
  free_flights_.push_back(id);
}

/// The sink will never take this output: the record becomes a dead letter.
void Emitter::refused(Outlet& outlet, std::size_t id, std::uint32_t output, const Error& error) {
  Flight& flight = flights_[id];
  if (output == kDeadLetterOutput) {
    if (!flight.omits_value) {
      flight.omits_value = true;
      enqueue(outlet, id, output, false);
      return;
    }
    stop_.stop(config::error(error.kind,
                             "DEAD_LETTER_REFUSED",
                             fmt::format("{} takes no dead letter of {}, not even without its "
                                         "value: {}",
                                         outlet.name,
                                         to_text(flight.passage->record.origin),
                                         error.text())));
    return;
  }
  Passage& passage = *flight.passage;
  passage.outcome = Outcome::dead_lettered;
  if (!passage.failure) {
    passage.failure = std::make_unique<Failure>();
    passage.failure->error = error;
    passage.failure->stage = outlet.name;
    passage.failure->first_ms = passage.failure->last_ms = clock_.unix_ms();
  }
  if (options_.dead_letters && !flight.has_dead_letter) write_dead_letter(id);
  delivered(id);
}

void Emitter::write_again(
    Outlet& outlet, std::size_t id, std::uint32_t output, const Error& error, Instant now) {
  if (!outlet.away()) {
    log::warn("sink is away", error);
    outlet.outage->set(1);
    outlet.retry = options_.retry_first;
    outlet.retry_at = now + outlet.retry;
  } else if (now >= outlet.retry_at) {
    // Once for a whole batch of verdicts, not for each.
    outlet.retry = std::min(outlet.retry * 2, options_.retry_last);
    outlet.retry_at = now + outlet.retry;
  }
  enqueue(outlet, id, output, true);
}

void Emitter::write_dead_letter(std::size_t id) {
  Flight& flight = flights_[id];
  Failure& failure = *flight.passage->failure;
  // Whoever fails without a clock at hand fails now.
  if (failure.first_ms < 0) failure.first_ms = clock_.unix_ms();
  if (failure.last_ms < 0) failure.last_ms = failure.first_ms;
  flight.has_dead_letter = true;
  ++flight.outstanding;
  enqueue(*outlets_[*options_.dead_letters], id, kDeadLetterOutput, false);
}

void Emitter::land(PassagePtr passage, Fate fate) {
  if (fate == Fate::dead_lettered) count_dead_letter(*passage);
  landed_.push_back(Settled{std::move(passage), fate});
}

/// Settles what has landed in this step, lease by lease, with one lock each.
bool Emitter::settle_landed(Instant now) {
  if (landed_.empty()) return false;
  std::size_t bytes = 0;
  LedgerCounts totals;
  for (std::size_t begin = 0, end = 0; begin < landed_.size(); begin = end) {
    LeaseState& lease = *landed_[begin].passage->lease;
    LedgerCounts counts;
    slots_.clear();
    for (end = begin; end < landed_.size() && landed_[end].passage->lease.get() == &lease; ++end) {
      const Passage& passage = *landed_[end].passage;
      const Fate fate = landed_[end].fate;
      counts.published += fate == Fate::published ? 1 : 0;
      counts.filtered += fate == Fate::filtered ? 1 : 0;
      counts.dead_lettered += fate == Fate::dead_lettered ? 1 : 0;
      counts.discarded += fate == Fate::discarded ? 1 : 0;
      // A discarded slot stays open: the next owner begins there.
      if (fate != Fate::discarded) slots_.push_back(passage.slot);
      bytes += passage.booked_bytes;
      latency_.observe(std::chrono::duration<double>(now - passage.admitted).count());
    }
    lease.ring().settle(slots_);
    lease.ledger().settle(counts);
    // Last, for who sees that nothing is in flight relies on the ring.
    lease.add_in_flight(-static_cast<std::int64_t>(end - begin));
    totals += counts;
  }
  fates_[static_cast<std::size_t>(Fate::published)]->add(totals.published);
  fates_[static_cast<std::size_t>(Fate::filtered)]->add(totals.filtered);
  fates_[static_cast<std::size_t>(Fate::dead_lettered)]->add(totals.dead_lettered);
  fates_[static_cast<std::size_t>(Fate::discarded)]->add(totals.discarded);
  const std::size_t records = landed_.size();
  landed_.clear();
  exit_.budget.release(records, bytes);
  in_flight_records_.set(static_cast<double>(exit_.budget.records()));
  in_flight_bytes_.set(static_cast<double>(exit_.budget.bytes()));
  return true;
}

void Emitter::flush_if_idle(Outlet& outlet, Instant now) {
  if (!outlet.dirty || !outlet.pending.empty() || stop_.stopped()) return;
  if (outlet.sink->outstanding() == 0) {
    outlet.dirty = false;
    return;
  }
  if (!draining_.load(std::memory_order_acquire) && now < outlet.flush_at) return;
  const auto flushed = outlet.sink->flush();
  outlet.dirty = false;
  if (flushed) return;
  if (config::disposition(flushed.error().kind) != config::Disposition::retry) {
    stop_.stop(flushed.error());
    return;
  }
  outlet.dirty = true;
  outlet.flush_at = now + options_.retry_first;
}

void Emitter::count_dead_letter(const Passage& passage) {
  const Error& error = passage.failure->error;
  metrics_
      .counter("worker_dead_letters_total",
               "Records that ended as dead letters, by code.",
               {{"code", error.code}})
      .add();
  ++unlogged_dead_letters_;
  const Instant now = clock_.now();
  if (now < log_dead_letters_at_) return;
  log_dead_letters_at_ = now + kDeadLetterLogInterval;
  log::warn(options_.dead_letters ? "record dead-lettered" : "record dropped",
            {{"origin", to_text(passage.record.origin)},
             {"code", error.code},
             {"what", error.message},
             {"stage", passage.failure->stage},
             {"records", std::exchange(unlogged_dead_letters_, 0)}});
}

Instant Emitter::wake_at(Instant now) const {
  Instant wake = Instant::max();
  for (const auto& outlet : outlets_) {
    if (outlet->sink->outstanding() > 0 || outlet->full) {
      wake = std::min(wake, now + options_.poll_interval);
    } else if (!outlet->pending.empty()) {
      wake = std::min(wake, std::max(now, outlet->retry_at));
    }
    if (outlet->dirty) wake = std::min(wake, std::max(now, outlet->flush_at));
  }
  return wake;
}

Result<void> Emitter::close(std::chrono::milliseconds deadline) {
  Result<void> first;
  for (const auto& outlet : outlets_) {
    const auto closed = outlet->sink->close(deadline);
    if (!closed && first) first = closed.error();
  }
  return first;
}

std::vector<Emitter::SinkCount> Emitter::counts() const {
  std::vector<SinkCount> counts;
  counts.reserve(outlets_.size());
  for (const auto& outlet : outlets_) {
    counts.push_back(SinkCount{outlet->name,
                               outlet->delivered.load(std::memory_order_relaxed),
                               outlet->waiting.load(std::memory_order_relaxed)});
  }
  return counts;
}

}  // namespace millrace::worker
