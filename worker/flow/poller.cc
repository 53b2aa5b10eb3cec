#include "worker/flow/poller.h"

#include "config/base/log.h"

#include <algorithm>
#include <span>
#include <type_traits>
#include <utility>
#include <variant>

namespace millrace::worker {
namespace {

/// A poll that is only made to serve the group waits no longer, so that what it waits for is seen
/// soon.
constexpr std::chrono::milliseconds kShortWait{5};
constexpr std::chrono::milliseconds kIdleWait{20};
constexpr std::chrono::milliseconds kProgressInterval{500};

bool contains(const std::vector<connectors::LeaseId>& leases, connectors::LeaseId lease) {
  return std::find(leases.begin(), leases.end(), lease) != leases.end();
}

std::chrono::milliseconds until(Instant when, Instant now) {
  if (when <= now) return std::chrono::milliseconds(0);
  return std::chrono::ceil<std::chrono::milliseconds>(when - now);
}

}  // namespace

Poller::Poller(std::string name,
               connectors::Source& source,
               PollerOptions options,
               Exit& exit,
               Deliver deliver,
               StopReason& stop,
               Metrics& metrics,
               const Clock& clock)
    : name_(std::move(name)),
      source_(source),
      options_(options),
      exit_(exit),
      deliver_(std::move(deliver)),
      stop_(stop),
      clock_(clock),
      intake_(options.ordering, exit, ledgers_, metrics),
      committer_(options.commit, metrics),
      paused_gauge_(metrics.gauge("worker_paused",
                                  "1 while the source is paused because too much is in flight.",
                                  {{"source", name_}})),
      outage_(metrics.gauge(
          "worker_source_outage", "1 while the source is away.", {{"source", name_}})),
      lag_(metrics.gauge(
          "worker_source_lag_records",
          "Records of the log that are not committed, or not done where nothing is committed yet.",
          {{"source", name_}})) {}

Progress Poller::step() {
  if (stop_.stopped()) return {};
  const Instant now = clock_.now();
  if (draining_.load(std::memory_order_acquire) && !drain_seen_) begin_drain();
  bool did_work = admit(now);
  update_pressure(now);
  if (may_poll(now) && poll(now)) {
    did_work = true;
    admit(clock_.now());
  }
  if (stop_.stopped()) return {};
  if (release_revoked(now)) did_work = true;
  limit_spans();
  if (commit_if_due(now)) did_work = true;
  publish_progress(now);
  exhausted_.store(source_exhausted_ && held() == 0, std::memory_order_release);
  return Progress{did_work, wake_at(now)};
}

/// What was polled and not admitted is left to the next run.
void Poller::begin_drain() {
  drain_seen_ = true;
  held_.clear();
  held_from_ = 0;
  source_.pause(lease_ids());
}

bool Poller::admit(Instant now) {
  if (held() == 0) return false;
  if (drain_seen_) {
    held_.clear();
    held_from_ = 0;
    return false;
  }
  std::vector<FateToken> tokens;
  tokens.reserve(held());
  const std::size_t taken = intake_.admit(std::span(held_).subspan(held_from_), now, tokens);
  held_from_ += taken;
  if (held() == 0) {
    held_.clear();
    held_from_ = 0;
  }
  if (!tokens.empty()) deliver_(std::move(tokens));
  return taken > 0;
}

/// Decides whether to go on polling for records. A full budget is first waited out, because most
/// often it empties within milliseconds and a pause costs what was fetched ahead; only then is the
/// source paused.
void Poller::update_pressure(Instant now) {
  if (drain_seen_) return;
  switch (pressure_) {
    case Pressure::none:
      if (held() > 0 || !exit_.budget.admits(0)) set_pressure(Pressure::holding, now);
      return;
    case Pressure::holding:
      if (held() == 0 && exit_.budget.low()) {
        set_pressure(Pressure::none, now);
      } else if (now - pressure_since_ >= options_.hold) {
        source_.pause(lease_ids());
        set_pressure(Pressure::paused, now);
      }
      return;
    case Pressure::paused:
      if (held() > 0 || !exit_.budget.low()) return;
      std::vector<connectors::LeaseId> leases = lease_ids();
      std::erase_if(leases, [&](connectors::LeaseId id) { return contains(overlong_, id); });
      source_.resume(leases);
      set_pressure(Pressure::none, now);
      return;
  }
}

void Poller::set_pressure(Pressure pressure, Instant now) {
  pressure_ = pressure;
  pressure_since_ = now;
  paused_.store(pressure != Pressure::none, std::memory_order_release);
  paused_gauge_.set(pressure == Pressure::paused ? 1 : 0);
}

bool Poller::may_poll(Instant now) const {
  if (now < retry_at_) return false;
  return drain_seen_ || pressure_ != Pressure::holding;
}

std::chrono::milliseconds Poller::poll_wait(Instant now) const {
  std::chrono::milliseconds wait = options_.poll_wait;
  const bool waits_for_others =
      drain_seen_ || pressure_ != Pressure::none || !revocations_.empty() || !overlong_.empty();
  if (waits_for_others) wait = std::min(wait, kShortWait);
  // Where nothing is committed, the time of the next commit stays in the past for ever.
  if (!source_.keeps_positions()) return wait;
  return std::min(wait, until(committer_.next(), now));
}

/// Returns true if something came.
bool Poller::poll(Instant now) {
  const bool for_records = !drain_seen_ && pressure_ == Pressure::none;
  auto polled = source_.poll(poll_wait(now), for_records ? options_.max_poll_records : 1);
  if (!polled) {
    away(polled.error(), clock_.now());
    return false;
  }
  if (retry_.count() > 0) {
    log::info("source is back", {{"source", name_}});
    outage_.set(0);
    retry_ = std::chrono::milliseconds(0);
  }
  const bool came = !polled->events.empty() || !polled->records.empty();
  source_exhausted_ = source_exhausted_ || polled->exhausted;
  handle_events(polled->events, clock_.now());
  if (held_.empty()) {
    held_ = std::move(polled->records);
  } else {
    std::move(polled->records.begin(), polled->records.end(), std::back_inserter(held_));
  }
  return came;
}

/// Waits out a passing outage. What was committed of late may not have arrived, so it is committed
/// again.
void Poller::away(const Error& error, Instant now) {
  if (config::disposition(error.kind) != config::Disposition::retry) {
    stop_.stop(error);
    return;
  }
  committer_.forget_all();
  if (retry_.count() == 0) {
    log::warn("source is away", error);
    outage_.set(1);
    retry_ = options_.retry_first;
  } else {
    retry_ = std::min(retry_ * 2, options_.retry_last);
  }
  retry_at_ = now + retry_;
}

void Poller::handle_events(const std::vector<connectors::SourceEvent>& events, Instant now) {
  std::vector<connectors::Revoking> revoked;
  for (const connectors::SourceEvent& event : events) {
    if (const auto* assigned = std::get_if<connectors::Assigned>(&event)) {
      intake_.assigned(*assigned);
      log::info("partition assigned",
                {{"source", name_},
                 {"topic", assigned->topic},
                 {"partition", std::int64_t{assigned->partition}},
                 {"position", assigned->position}});
      if (drain_seen_ || pressure_ == Pressure::paused) {
        source_.pause(std::span(&assigned->lease, 1));
      }
    } else if (const auto* revoking = std::get_if<connectors::Revoking>(&event)) {
      revoked.push_back(*revoking);
    } else if (const auto* gone = std::get_if<connectors::Lost>(&event)) {
      lost(gone->lease);
      // Asked back and gone before we heard of either: what is lost is never released.
      std::erase_if(revoked, [&](const connectors::Revoking& r) { return r.lease == gone->lease; });
    }
  }
  if (!revoked.empty()) revoke(revoked, now);
}

void Poller::revoke(const std::vector<connectors::Revoking>& events, Instant now) {
  Revocation revocation;
  std::chrono::milliseconds budget = options_.drain_timeout;
  for (const connectors::Revoking& event : events) {
    intake_.revoking(event.lease);
    drop_held(event.lease);
    revocation.leases.push_back(event.lease);
    budget = std::min(budget, event.budget);
  }
  revocation.deadline = now + budget;
  revocations_.push_back(std::move(revocation));
}

void Poller::lost(connectors::LeaseId lease) {
  log::warn("partition lost", {{"source", name_}, {"lease", lease}});
  intake_.end(lease);
  committer_.forget(lease);
  drop_held(lease);
  std::erase(overlong_, lease);
  for (Revocation& revocation : revocations_) std::erase(revocation.leases, lease);
  std::erase_if(revocations_, [](const Revocation& r) { return r.leases.empty(); });
}

void Poller::drop_held(connectors::LeaseId lease) {
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(held_from_));
  held_from_ = 0;
  std::erase_if(held_,
                [&](const connectors::Record& record) { return record.origin.lease == lease; });
}

bool Poller::release_revoked(Instant now) {
  bool released = false;
  for (std::size_t i = 0; i < revocations_.size() && !stop_.stopped();) {
    const Revocation& revocation = revocations_[i];
    const bool finished = std::all_of(
        revocation.leases.begin(), revocation.leases.end(), [&](connectors::LeaseId id) {
          const LeaseState* lease = intake_.find(id);
          return lease == nullptr || lease->in_flight() == 0;
        });
    if (!finished && now < revocation.deadline) {
      ++i;
      continue;
    }
    release(revocation);
    revocations_.erase(revocations_.begin() + static_cast<std::ptrdiff_t>(i));
    released = true;
  }
  return released;
}

void Poller::release(const Revocation& revocation) {
  std::vector<std::shared_ptr<LeaseState>> ending;
  for (auto& lease : intake_.leases()) {
    if (contains(revocation.leases, lease->lease().id)) ending.push_back(std::move(lease));
  }
  // Dead before the last look at the ring, so that nothing has an effect that the commit does not
  // know of.
  for (const auto& lease : ending) {
    intake_.end(lease->lease().id);
    std::erase(overlong_, lease->lease().id);
  }
  std::vector<connectors::Position> positions;
  if (source_.keeps_positions()) positions = committer_.last(ending);
  for (const auto& lease : ending) committer_.forget(lease->lease().id);
  const auto released = source_.release(revocation.leases, positions);
  if (!released) away(released.error(), clock_.now());
}

/// Keeps one stuck record from making a ring grow without end.
void Poller::limit_spans() {
  if (drain_seen_) return;
  for (const auto& lease : intake_.leases()) {
    if (!lease->active()) continue;
    const connectors::LeaseId id = lease->lease().id;
    const std::size_t span = lease->ring().span();
    if (!contains(overlong_, id)) {
      if (span <= options_.max_span) continue;
      source_.pause(std::span(&id, 1));
      overlong_.push_back(id);
    } else if (span <= options_.max_span / 2) {
      std::erase(overlong_, id);
      if (pressure_ != Pressure::paused) source_.resume(std::span(&id, 1));
    }
  }
}

bool Poller::commit_if_due(Instant now) {
  // A release in this step may have met the error that ends the worker.
  if (stop_.stopped() || !source_.keeps_positions() || now < retry_at_) return false;
  const auto leases = intake_.leases();
  if (!committer_.due(leases, now)) return false;
  follow_positions();
  const auto positions = committer_.take(leases, now);
  if (positions.empty()) return false;
  const auto committed = source_.commit(positions);
  if (!committed) away(committed.error(), clock_.now());
  return true;
}

/// Lets the watermark of an idle partition follow over offsets that hold no records, such as
/// transaction markers.
void Poller::follow_positions() {
  if (held() > 0 || drain_seen_) return;
  for (const auto& partition : source_.progress().partitions) {
    LeaseState* lease = intake_.find(partition.lease);
    if (lease != nullptr && lease->active()) lease->ring().advance(partition.position);
  }
}

void Poller::publish_progress(Instant now) {
  if (now < progress_at_) return;
  progress_at_ = now + kProgressInterval;
  const connectors::SourceProgress source = source_.progress();
  PollerProgress fresh;
  fresh.bytes_read = source.bytes_read;
  fresh.bytes_total = source.bytes_total;
  std::int64_t lag = 0;
  for (const auto& partition : source.partitions) {
    const LeaseState* lease = intake_.find(partition.lease);
    const std::int64_t watermark = lease != nullptr ? lease->ring().watermark() : 0;
    const std::int64_t done = committer_.committed(partition.lease).value_or(watermark);
    if (lease != nullptr && partition.end >= 0)
      lag += std::max<std::int64_t>(0, partition.end - done);
    fresh.partitions.push_back(
        PollerProgress::Partition{partition.topic,
                                  partition.partition,
                                  partition.position,
                                  committer_.committed(partition.lease).value_or(-1),
                                  partition.end});
  }
  lag_.set(static_cast<double>(lag));
  const std::lock_guard lock(progress_mutex_);
  progress_ = std::move(fresh);
}

PollerProgress Poller::progress() const {
  const std::lock_guard lock(progress_mutex_);
  return progress_;
}

std::vector<connectors::LeaseId> Poller::lease_ids() const {
  std::vector<connectors::LeaseId> ids;
  for (const auto& lease : intake_.leases()) {
    if (lease->active()) ids.push_back(lease->lease().id);
  }
  return ids;
}

Instant Poller::wake_at(Instant now) const {
  Instant wake = now + kIdleWait;
  if (pressure_ == Pressure::holding && !drain_seen_) {
    wake = std::min(wake, pressure_since_ + options_.hold);
  } else if (now >= retry_at_ && !source_exhausted_) {
    // The poll has done the waiting, unless it was told not to.
    wake = options_.poll_wait.count() > 0 ? now : now + kShortWait;
  }
  for (const Revocation& revocation : revocations_) wake = std::min(wake, revocation.deadline);
  return std::max(wake, now);
}

Result<void> Poller::close(std::chrono::milliseconds deadline) {
  const auto leases = intake_.leases();
  for (const auto& lease : leases) intake_.end(lease->lease().id);
  held_.clear();
  held_from_ = 0;
  std::vector<connectors::Position> positions;
  if (!stop_.stopped() && source_.keeps_positions()) positions = committer_.last(leases);
  progress_at_ = {};
  publish_progress(clock_.now());
  return source_.close(positions, deadline);
}

}  // namespace millrace::worker
