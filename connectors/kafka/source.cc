#include "connectors/kafka/source.h"

#include "config/base/log.h"
#include "connectors/kafka/capability.h"
#include "connectors/kafka/client.h"
#include "connectors/kafka/leases.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace millrace::connectors {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// Draining what is there ends after so long, so that the poller sees events in time.
constexpr milliseconds kPullSlice{50};

/// How often the ends of the logs are looked at.
constexpr milliseconds kEndsInterval{1000};

/// How long one poll may wait for the coordinator to say what was committed.
constexpr milliseconds kCommittedDeadline{2'000};
constexpr milliseconds kCommitDeadline{5'000};
/// What is kept of the poll interval for the work after a revocation.
constexpr milliseconds kRevokeReserve{2'000};

bool group_has_moved_on(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS ||
         code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
         code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID || code == RD_KAFKA_RESP_ERR__NO_OFFSET;
}

class KafkaSource final : public Source {
 public:
  KafkaSource(ClusterOptions cluster, KafkaSourceOptions options, KafkaEnvironment environment)
      : cluster_(std::move(cluster)),
        options_(std::move(options)),
        environment_(std::move(environment)) {}

  ~KafkaSource() override {
    waiting_.reset();
    commit_queue_.reset();
    client_.reset();
  }

  Result<void> open() override;
  Result<Polled> poll(milliseconds wait, std::size_t max_records) override;
  void pause(std::span<const LeaseId> leases) override;
  void resume(std::span<const LeaseId> leases) override;
  Result<void> commit(std::span<const Position> positions) override;
  Result<void> release(std::span<const LeaseId> leases,
                       std::span<const Position> positions) override;
  Result<void> close(std::span<const Position> positions, milliseconds deadline) override;
  SourceProgress progress() const override;

  bool keeps_positions() const override { return true; }

 private:
  static void on_rebalance(rd_kafka_t*,
                           rd_kafka_resp_err_t code,
                           rd_kafka_topic_partition_list_t* partitions,
                           void* owner) {
    static_cast<KafkaSource*>(owner)->rebalanced(code, partitions);
  }

  void rebalanced(rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* partitions);
  void assign(rd_kafka_topic_partition_list_t* partitions);
  Result<void> find_positions(rd_kafka_topic_partition_list_t* partitions) const;
  std::int64_t begin_at(const rd_kafka_topic_partition_t& partition, bool& to_low) const;
  void begin_revoke(const rd_kafka_topic_partition_list_t& partitions);
  void lose(const rd_kafka_topic_partition_list_t& partitions);
  void unassign(const rd_kafka_topic_partition_list_t* partitions);
  void take(MessageHandle message, Polled& polled);
  void take_error(const rd_kafka_message_t& message);
  void out_of_range(const rd_kafka_message_t& message);
  void fetch_anew(const KafkaLease& lease);
  void watch_ends();
  std::int64_t end_of(const KafkaLease& lease) const;
  Record make_record(MessageHandle message, const KafkaLease& lease);
  void send_commits();
  void take_commit_answers();
  void commit_answered(const rd_kafka_event_t& event);
  Result<void> commit_now(std::span<const Position> positions);
  ListHandle list_of(std::span<const LeaseId> leases, bool paused_only);
  void resume_paused(std::span<const LeaseId> leases);

  std::string_view own_name(std::string_view topic) { return *topics_.emplace(topic).first; }

  bool rebalancing() const;

  bool is_cooperative() const { return options_.rebalance == Rebalance::cooperative; }

  ClusterOptions cluster_;
  KafkaSourceOptions options_;
  KafkaEnvironment environment_;
  std::set<std::string, std::less<>> topics_;  // views of their names are handed out
  std::unique_ptr<Client> client_;
  QueueHandle commit_queue_;
  LeaseTable leases_;
  std::vector<SourceEvent> events_;
  std::optional<Error> problem_;      // reported by the next poll
  ListHandle waiting_;                // an assignment whose positions are not known yet
  steady_clock::time_point ends_at_;  // when the ends of the logs are looked at next
  bool commit_in_flight_ = false;
  bool was_assigned_ = false;
  bool closing_ = false;
};

Result<void> KafkaSource::open() {
  const auto until = steady_clock::now() + environment_.startup_deadline;
  auto client = Client::make(RD_KAFKA_CONSUMER,
                             consumer_settings(cluster_, options_, environment_),
                             {.rebalanced = on_rebalance, .delivered = nullptr, .owner = this});
  if (!client) return std::move(client).error();
  client_ = *std::move(client);
  if (auto connected = client_->connect(left_until(until)); !connected) return connected;
  const ListHandle topics = make_list(options_.topics.size());
  for (const std::string& topic : options_.topics) {
    rd_kafka_topic_partition_list_add(topics.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
    if (topic.starts_with('^')) continue;  // a pattern: its topics may come later
    if (auto known = client_->partitions_of(topic, left_until(until)); !known)
      return std::move(known).error();
  }
  commit_queue_.reset(rd_kafka_queue_new(client_->handle()));
  client_->become_consumer();
  if (const auto code = rd_kafka_subscribe(client_->handle(), topics.get());
      code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return kafka_error(code, fmt::format("subscribe as group '{}'", options_.group));
  }
  return {};
}

Result<Polled> KafkaSource::poll(milliseconds wait, std::size_t max_records) {
  Polled polled;
  if (waiting_) assign(std::exchange(waiting_, nullptr).get());
  const auto until = steady_clock::now() + kPullSlice;
  int timeout = timeout_ms(wait);
  // Messages are pulled one by one: the batch call of this library loses its place when partitions
  // are paused.
  while (polled.records.size() < std::max<std::size_t>(1, max_records)) {
    MessageHandle message(rd_kafka_consumer_poll(client_->handle(), timeout));
    timeout = 0;
    if (!message) break;
    if (polled.records.empty() && max_records > 16) polled.records.reserve(max_records);
    take(std::move(message), polled);
    if ((polled.records.size() & 63U) == 0 && steady_clock::now() >= until) break;
  }
  watch_ends();
  take_commit_answers();
  send_commits();
  polled.events = std::exchange(events_, {});
  if (!problem_) {
    if (auto outage = client_->take_outage()) problem_ = std::move(outage);
  }
  // What came is never held back for a problem: it is reported when there is nothing else to say.
  if (problem_ && polled.events.empty() && polled.records.empty())
    return *std::exchange(problem_, std::nullopt);
  return polled;
}

void KafkaSource::take(MessageHandle message, Polled& polled) {
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    take_error(*message);
    return;
  }
  KafkaLease* lease = leases_.find(*message);
  // Late messages of a partition that is not ours any more, and repeats after a fetch was begun
  // anew.
  if (lease == nullptr || lease->revoking || message->offset < lease->next) return;
  lease->next = message->offset + 1;
  polled.records.push_back(make_record(std::move(message), *lease));
}

void KafkaSource::take_error(const rd_kafka_message_t& message) {
  switch (message.err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
      return;
    case RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED:
      log::warn("the group has given our partitions away: the poll interval was exceeded",
                {{"group", options_.group}});
      return;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
      out_of_range(message);
      return;
    default:
      break;
  }
  std::string doing = fmt::format("read as group '{}'", options_.group);
  if (message.rkt != nullptr)
    doing = fmt::format("read {}[{}]", rd_kafka_topic_name(message.rkt), message.partition);
  auto code = message.err;
  std::string text = rd_kafka_message_errstr(&message);
  if (code == RD_KAFKA_RESP_ERR__FATAL) {
    char reason[512];
    code = rd_kafka_fatal_error(client_->handle(), reason, sizeof(reason));
    text = reason;
  }
  Error problem = kafka_error(code, doing, text);
  if (!problem_ || problem_->kind == Errc::unavailable) problem_ = std::move(problem);
}

/// The committed offset is not in the log any more, or not yet: what was promised cannot be kept
/// without a decision.
void KafkaSource::out_of_range(const rd_kafka_message_t& message) {
  const char* topic = message.rkt == nullptr ? "" : rd_kafka_topic_name(message.rkt);
  KafkaLease* lease = leases_.find(topic, message.partition);
  if (lease == nullptr || lease->revoking) return;
  std::int64_t low = -1;
  std::int64_t high = -1;
  rd_kafka_query_watermark_offsets(
      client_->handle(), topic, message.partition, &low, &high, timeout_ms(kCommitDeadline));
  if (options_.on_out_of_range == OutOfRange::stop || low < 0) {
    problem_ = error(Errc::guarantee_broken,
                     "OFFSET_OUT_OF_RANGE",
                     fmt::format("{}[{}]: the group's position is {}, the log holds {} to {}: "
                                 "records were deleted before they "
                                 "were read, or the topic was made anew; decide with "
                                 "on_out_of_range: earliest or latest",
                                 topic,
                                 message.partition,
                                 lease->next,
                                 low,
                                 high));
    return;
  }
  const std::int64_t target = options_.on_out_of_range == OutOfRange::earliest ? low : high;
  log::warn("records are lost: position out of range",
            {{"topic", topic},
             {"partition", std::int64_t{message.partition}},
             {"position", lease->next},
             {"continues_at", target}});
  resume_paused(std::span(&lease->id, 1));
  KafkaLease fresh;
  fresh.id = new_lease();
  fresh.topic = lease->topic;
  fresh.partition = lease->partition;
  fresh.next = target;
  events_.emplace_back(Lost{lease->id});
  leases_.remove(lease->id);
  events_.emplace_back(Assigned{fresh.id, fresh.topic, fresh.partition, fresh.next, {}});
  fetch_anew(leases_.add(std::move(fresh)));
}

/// Begins to fetch a partition at the position of its lease. Seeking would not do: after this error
/// the library is not in a state to seek.
void KafkaSource::fetch_anew(const KafkaLease& lease) {
  const ListHandle list = make_list(leases_.all().size());
  for (const auto& [id, other] : leases_.all()) {
    if (is_cooperative() && id != lease.id) continue;
    rd_kafka_topic_partition_list_add(
        list.get(), std::string(other->topic).c_str(), other->partition)
        ->offset = other->next;
  }
  if (is_cooperative()) {
    const ErrorHandle left(rd_kafka_incremental_unassign(client_->handle(), list.get()));
    const ErrorHandle taken(rd_kafka_incremental_assign(client_->handle(), list.get()));
    if (taken)
      problem_ = kafka_error(
          rd_kafka_error_code(taken.get()), "fetch anew", rd_kafka_error_string(taken.get()));
    return;
  }
  const auto code = rd_kafka_assign(client_->handle(), list.get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) problem_ = kafka_error(code, "fetch anew");
}

Record KafkaSource::make_record(MessageHandle message, const KafkaLease& lease) {
  rd_kafka_message_t* raw = message.release();
  const std::shared_ptr<const void> owner(raw, Destroy<rd_kafka_message_destroy>());
  Record record;
  record.origin = {lease.topic, lease.partition, raw->offset, lease.id};
  if (raw->key != nullptr)
    record.key = Bytes({static_cast<const char*>(raw->key), raw->key_len}, owner);
  if (raw->payload != nullptr)
    record.value = Bytes({static_cast<const char*>(raw->payload), raw->len}, owner);
  record.size_bytes = raw->key_len + raw->len;
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(raw, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    record.headers.reserve(rd_kafka_header_cnt(headers));
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i) {
      Bytes bytes =
          value == nullptr ? Bytes() : Bytes({static_cast<const char*>(value), size}, owner);
      record.size_bytes += size;
      record.headers.push_back({name, std::move(bytes)});
      record.size_bytes += record.headers.back().name.size();
    }
  }
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  record.timestamp_ms = rd_kafka_message_timestamp(raw, &type);
  if (type == RD_KAFKA_TIMESTAMP_CREATE_TIME) record.timestamp_type = TimestampType::create;
  if (type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME) record.timestamp_type = TimestampType::append;
  return record;
}

void KafkaSource::rebalanced(rd_kafka_resp_err_t code,
                             rd_kafka_topic_partition_list_t* partitions) {
  waiting_.reset();
  if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    assign(partitions);
    return;
  }
  if (code != RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) {
    problem_ = kafka_error(code, fmt::format("join group '{}'", options_.group));
    unassign(nullptr);
    return;
  }
  if (closing_ || rd_kafka_assignment_lost(client_->handle()) != 0) {
    lose(*partitions);
    unassign(partitions);
    return;
  }
  begin_revoke(*partitions);
}

void KafkaSource::assign(rd_kafka_topic_partition_list_t* partitions) {
  if (closing_) {
    unassign(nullptr);
    return;
  }
  was_assigned_ = true;
  if (auto found = find_positions(partitions); !found) {
    problem_ = found.error();
    // Without positions nothing may be read. The assignment waits until the coordinator answers.
    if (problem_->kind == Errc::unavailable) {
      waiting_.reset(rd_kafka_topic_partition_list_copy(partitions));
    } else {
      unassign(partitions);
    }
    return;
  }
  for (int i = 0; i < partitions->cnt; ++i) {
    rd_kafka_topic_partition_t& partition = partitions->elems[i];
    KafkaLease lease;
    lease.id = new_lease();
    lease.topic = own_name(partition.topic);
    lease.partition = partition.partition;
    const bool committed = partition.offset >= 0;
    std::string metadata;
    if (committed && partition.metadata != nullptr) {
      metadata.assign(static_cast<const char*>(partition.metadata), partition.metadata_size);
    }
    bool to_low = false;
    lease.next = committed ? partition.offset : begin_at(partition, to_low);
    if (committed) lease.committed = partition.offset;
    // The beginning is asked for by name: what it is may change until the fetch arrives.
    partition.offset = to_low ? RD_KAFKA_OFFSET_BEGINNING : lease.next;
    events_.emplace_back(
        Assigned{lease.id, lease.topic, lease.partition, lease.next, std::move(metadata)});
    leases_.add(std::move(lease));
  }
  if (is_cooperative()) {
    const ErrorHandle refused(rd_kafka_incremental_assign(client_->handle(), partitions));
    if (refused)
      problem_ = kafka_error(rd_kafka_error_code(refused.get()),
                             "take partitions",
                             rd_kafka_error_string(refused.get()));
  } else if (const auto code = rd_kafka_assign(client_->handle(), partitions);
             code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    problem_ = kafka_error(code, "take partitions");
  }
}

/// Sets the offset of each partition to what is committed; a negative one stays where nothing is.
Result<void> KafkaSource::find_positions(rd_kafka_topic_partition_list_t* partitions) const {
  for (int i = 0; i < partitions->cnt; ++i) partitions->elems[i].offset = RD_KAFKA_OFFSET_INVALID;
  if (options_.start == StartAt::earliest || options_.start == StartAt::latest) return {};
  const auto until = steady_clock::now() + kCommittedDeadline;
  while (true) {
    auto code =
        rd_kafka_committed(client_->handle(), partitions, timeout_ms(left_until(until)) + 1);
    for (int i = 0; i < partitions->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; ++i)
      code = partitions->elems[i].err;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
    Error problem =
        kafka_error(code, fmt::format("ask for the positions of group '{}'", options_.group));
    if (problem.kind != Errc::unavailable || left_until(until).count() == 0) return problem;
  }
}

/// Where reading begins without a committed offset. to_low: it is the beginning of the log.
std::int64_t KafkaSource::begin_at(const rd_kafka_topic_partition_t& partition,
                                   bool& to_low) const {
  to_low = options_.start == StartAt::committed_or_earliest || options_.start == StartAt::earliest;
  std::int64_t low = 0;
  std::int64_t high = 0;
  const auto code = rd_kafka_query_watermark_offsets(client_->handle(),
                                                     partition.topic,
                                                     partition.partition,
                                                     &low,
                                                     &high,
                                                     timeout_ms(kCommitDeadline));
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    // The first record says where the log begins; until then 0 is below it, which is safe.
    return to_low ? 0 : static_cast<std::int64_t>(RD_KAFKA_OFFSET_END);
  }
  return to_low ? low : high;
}

void KafkaSource::begin_revoke(const rd_kafka_topic_partition_list_t& partitions) {
  const milliseconds budget = std::max(options_.poll_interval - kRevokeReserve, milliseconds(100));
  std::vector<LeaseId> revoked;
  for (int i = 0; i < partitions.cnt; ++i) {
    KafkaLease* lease = leases_.find(partitions.elems[i].topic, partitions.elems[i].partition);
    if (lease == nullptr) continue;
    lease->revoking = true;
    revoked.push_back(lease->id);
    events_.emplace_back(Revoking{lease->id, budget});
  }
  if (revoked.empty()) {
    unassign(&partitions);  // nothing of it is ours, so nobody will release it
    return;
  }
  pause(revoked);
}

void KafkaSource::lose(const rd_kafka_topic_partition_list_t& partitions) {
  std::vector<LeaseId> gone;
  for (int i = 0; i < partitions.cnt; ++i) {
    const KafkaLease* lease =
        leases_.find(partitions.elems[i].topic, partitions.elems[i].partition);
    if (lease != nullptr) gone.push_back(lease->id);
  }
  resume_paused(gone);
  for (const LeaseId id : gone) {
    events_.emplace_back(Lost{id});
    leases_.remove(id);
  }
}

/// partitions: nullptr for all. Paused ones must have been resumed: the flag would survive into the
/// next assignment.
void KafkaSource::unassign(const rd_kafka_topic_partition_list_t* partitions) {
  if (is_cooperative() && partitions != nullptr) {
    const ErrorHandle refused(rd_kafka_incremental_unassign(client_->handle(), partitions));
    if (refused)
      log::warn("partitions cannot be given back",
                {{"reason", rd_kafka_error_string(refused.get())}});
    return;
  }
  rd_kafka_assign(client_->handle(), nullptr);
}

ListHandle KafkaSource::list_of(std::span<const LeaseId> leases, bool paused_only) {
  ListHandle list = make_list(leases.size());
  for (const LeaseId id : leases) {
    const KafkaLease* lease = leases_.find(id);
    if (lease == nullptr || (paused_only && !lease->paused)) continue;
    rd_kafka_topic_partition_list_add(
        list.get(), std::string(lease->topic).c_str(), lease->partition);
  }
  return list;
}

void KafkaSource::pause(std::span<const LeaseId> leases) {
  std::vector<LeaseId> fresh;
  for (const LeaseId id : leases) {
    KafkaLease* lease = leases_.find(id);
    if (lease == nullptr || lease->paused) continue;
    lease->paused = true;
    fresh.push_back(id);
  }
  if (fresh.empty()) return;
  rd_kafka_pause_partitions(client_->handle(), list_of(fresh, false).get());
}

void KafkaSource::resume(std::span<const LeaseId> leases) {
  std::vector<LeaseId> wanted;
  for (const LeaseId id : leases) {
    const KafkaLease* lease = leases_.find(id);
    if (lease != nullptr && !lease->revoking) wanted.push_back(id);
  }
  resume_paused(wanted);
}

/// Resumes those that are paused, and only those: resuming another one would rewind it.
void KafkaSource::resume_paused(std::span<const LeaseId> leases) {
  const ListHandle list = list_of(leases, true);
  for (const LeaseId id : leases) {
    if (KafkaLease* lease = leases_.find(id)) lease->paused = false;
  }
  if (list->cnt > 0) rd_kafka_resume_partitions(client_->handle(), list.get());
}

bool KafkaSource::rebalancing() const {
  return std::any_of(leases_.all().begin(), leases_.all().end(), [](const auto& entry) {
    return entry.second->revoking;
  });
}

namespace {

constexpr std::size_t kMaxMetadataBytes = 4096;

/// Adds a position to a list of offsets. The library frees the metadata with free().
void add_position(rd_kafka_topic_partition_list_t* list,
                  const KafkaLease& lease,
                  const Position& position) {
  rd_kafka_topic_partition_t* entry =
      rd_kafka_topic_partition_list_add(list, std::string(lease.topic).c_str(), lease.partition);
  entry->offset = position.offset;
  if (position.metadata.empty()) return;
  entry->metadata = ::strdup(position.metadata.c_str());
  entry->metadata_size = position.metadata.size();
}

Result<void> check_metadata(std::span<const Position> positions) {
  for (const Position& position : positions) {
    if (position.metadata.size() > kMaxMetadataBytes) {
      return error(Errc::invalid_input,
                   "METADATA_TOO_LARGE",
                   fmt::format("the metadata of a position has {} bytes, a broker keeps {}",
                               position.metadata.size(),
                               kMaxMetadataBytes));
    }
  }
  return {};
}

}  // namespace

Result<void> KafkaSource::commit(std::span<const Position> positions) {
  if (auto fits = check_metadata(positions); !fits) return fits;
  for (const Position& position : positions) {
    KafkaLease* lease = leases_.find(position.lease);
    if (lease == nullptr || position.offset < lease->floor()) continue;
    lease->wanted = position;
  }
  send_commits();
  return {};
}

/// One commit is under way at a time, and none between a revocation and its release: it could cost
/// the assignment.
void KafkaSource::send_commits() {
  if (commit_in_flight_ || rebalancing()) return;
  const ListHandle list = make_list(leases_.all().size());
  for (const auto& [id, lease] : leases_.all()) {
    if (lease->wanted) add_position(list.get(), *lease, *lease->wanted);
  }
  if (list->cnt == 0) return;
  const auto code =
      rd_kafka_commit_queue(client_->handle(), list.get(), commit_queue_.get(), nullptr, nullptr);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    problem_ = kafka_error(code, fmt::format("commit positions of group '{}'", options_.group));
    return;
  }
  commit_in_flight_ = true;
  for (const auto& [id, lease] : leases_.all()) {
    if (lease->wanted) lease->in_flight = std::exchange(lease->wanted, std::nullopt);
  }
}

void KafkaSource::take_commit_answers() {
  if (!commit_in_flight_) return;
  while (const EventHandle event{rd_kafka_queue_poll(commit_queue_.get(), 0)}) {
    if (rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_OFFSET_COMMIT) commit_answered(*event);
  }
}

void KafkaSource::commit_answered(const rd_kafka_event_t& answered) {
  auto* event = const_cast<rd_kafka_event_t*>(&answered);
  commit_in_flight_ = false;
  auto code = rd_kafka_event_error(event);
  if (const auto* list = rd_kafka_event_topic_partition_list(event)) {
    for (int i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; ++i)
      code = list->elems[i].err;
  }
  for (const auto& [id, lease] : leases_.all()) {
    const auto sent = std::exchange(lease->in_flight, std::nullopt);
    if (sent && code == RD_KAFKA_RESP_ERR_NO_ERROR)
      lease->committed = std::max(lease->committed, sent->offset);
  }
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR || group_has_moved_on(code)) return;
  problem_ = kafka_error(code, fmt::format("commit positions of group '{}'", options_.group));
}

Result<void> KafkaSource::commit_now(std::span<const Position> positions) {
  if (auto fits = check_metadata(positions); !fits) return fits;
  const ListHandle list = make_list(positions.size());
  for (const Position& position : positions) {
    const KafkaLease* lease = leases_.find(position.lease);
    if (lease == nullptr || position.offset < lease->floor() || position.offset < 0) continue;
    add_position(list.get(), *lease, position);
  }
  if (list->cnt == 0) return {};
  const auto code = rd_kafka_commit(client_->handle(), list.get(), 0);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  if (group_has_moved_on(code)) {
    log::warn("last positions came too late: the group has moved on",
              {{"reason", rd_kafka_err2str(code)}});
    return {};
  }
  return kafka_error(code, fmt::format("commit last positions of group '{}'", options_.group));
}

Result<void> KafkaSource::release(std::span<const LeaseId> leases,
                                  std::span<const Position> positions) {
  auto committed = commit_now(positions);
  const ListHandle given = list_of(leases, false);
  resume_paused(leases);
  for (const LeaseId id : leases) leases_.remove(id);
  unassign(given.get());
  return committed;
}

Result<void> KafkaSource::close(std::span<const Position> positions, milliseconds deadline) {
  if (!client_) return {};
  const auto until = steady_clock::now() + deadline;
  auto committed = commit_now(positions);
  closing_ = true;
  std::vector<LeaseId> all;
  for (const auto& [id, lease] : leases_.all()) all.push_back(id);
  resume_paused(all);
  if (is_cooperative() && !was_assigned_ && !capability().close_unassigned_cooperative) {
    client_->abandon();  // closing would crash; the group notices by the session's timeout
    return committed;
  }
  const QueueHandle queue(rd_kafka_queue_new(client_->handle()));
  const ErrorHandle refused(rd_kafka_consumer_close_queue(client_->handle(), queue.get()));
  while (!refused && rd_kafka_consumer_closed(client_->handle()) == 0) {
    if (left_until(until).count() == 0) {
      log::warn("the group was not left in time", {{"group", options_.group}});
      client_->abandon();
      break;
    }
    // As events: serving them as callbacks aborts in the library when records or errors are among
    // them.
    const EventHandle event(rd_kafka_queue_poll(queue.get(), 20));
    if (event && rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_REBALANCE)
      rebalanced(rd_kafka_event_error(event.get()),
                 rd_kafka_event_topic_partition_list(event.get()));
  }
  return committed;
}

/// This library does not compare leader epochs, so it does not see that a log was cut. A position
/// beyond the new end stops the worker (out_of_range); a cut behind it can only be told.
void KafkaSource::watch_ends() {
  const auto now = steady_clock::now();
  if (now < ends_at_) return;
  ends_at_ = now + kEndsInterval;
  for (const auto& [id, lease] : leases_.all()) {
    const std::int64_t end = end_of(*lease);
    if (end < 0) continue;
    const auto before = lease->note_end(end);
    if (!before) continue;
    log::warn(
        "the log of a partition has become shorter: its leader lost records that were "
        "written, or the topic was made anew",
        {{"topic", lease->topic},
         {"partition", std::int64_t{lease->partition}},
         {"end_before", *before},
         {"end", end},
         {"position", lease->next}});
  }
}

/// Returns the end of the log as the last fetch saw it, -1 before the first one.
std::int64_t KafkaSource::end_of(const KafkaLease& lease) const {
  std::int64_t low = RD_KAFKA_OFFSET_INVALID;
  std::int64_t high = RD_KAFKA_OFFSET_INVALID;
  const auto code = rd_kafka_get_watermark_offsets(
      client_->handle(), std::string(lease.topic).c_str(), lease.partition, &low, &high);
  return code == RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0 ? high : -1;
}

SourceProgress KafkaSource::progress() const {
  SourceProgress progress;
  for (const auto& [id, lease] : leases_.all()) {
    progress.partitions.push_back(
        {std::string(lease->topic), lease->partition, lease->id, lease->next, end_of(*lease)});
  }
  return progress;
}

}  // namespace

std::unique_ptr<Source> make_kafka_source(ClusterOptions cluster,
                                          KafkaSourceOptions options,
                                          KafkaEnvironment environment) {
  return std::make_unique<KafkaSource>(
      std::move(cluster), std::move(options), std::move(environment));
}

}  // namespace millrace::connectors
