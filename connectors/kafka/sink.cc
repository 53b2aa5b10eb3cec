#include "connectors/kafka/sink.h"

#include "config/base/log.h"
#include "connectors/kafka/client.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace millrace::connectors {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// Up to here a value is copied: keeping it would keep the whole fetch of its source in memory.
constexpr std::size_t kCopiedBytes = 4096;
constexpr milliseconds kRebuildDeadline{5'000};

/// A record without a time gets that of its writing, which the library takes 0 for. So the start of
/// 1970 is written as a millisecond later, rather than as now.
std::int64_t written_time(std::int64_t timestamp_ms) {
  return timestamp_ms < 0 ? 0 : std::max<std::int64_t>(1, timestamp_ms);
}

class KafkaSink final : public Sink {
 public:
  KafkaSink(ClusterOptions cluster, KafkaSinkOptions options, KafkaEnvironment environment)
      : cluster_(std::move(cluster)),
        options_(std::move(options)),
        environment_(std::move(environment)) {}

  ~KafkaSink() override {
    topic_.reset();
    client_.reset();
  }

  Result<void> open() override { return connect(environment_.startup_deadline); }

  Result<Accepted> write(OutRecord& record, std::uint64_t opaque) override;
  Result<void> poll(milliseconds wait, std::vector<Verdict>& verdicts) override;

  /// The library waits no longer than `linger`, which is short; telling it to hurry would block.
  Result<void> flush() override { return {}; }

  Result<void> close(milliseconds deadline) override;

  std::size_t outstanding() const override { return outstanding_; }

 private:
  /// What belongs to a record until its verdict.
  struct Held {
    std::uint64_t opaque = 0;
    Bytes value;  // null if the library has a copy
    std::size_t next_free = 0;
  };

  static void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* owner) {
    static_cast<KafkaSink*>(owner)->delivered(*message);
  }

  Result<void> connect(milliseconds deadline);
  void delivered(const rd_kafka_message_t& message);
  bool is_broken() const;
  Result<void> rebuild();
  std::size_t hold(std::uint64_t opaque);
  std::uint64_t let_go(std::size_t index);
  HeadersHandle headers_of(const OutRecord& record) const;

  ClusterOptions cluster_;
  KafkaSinkOptions options_;
  KafkaEnvironment environment_;
  std::unique_ptr<Client> client_;
  TopicHandle topic_;
  std::vector<Held> held_;
  std::size_t free_ = kNone;
  std::size_t outstanding_ = 0;
  std::vector<Verdict> verdicts_;
  bool purged_ = false;

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
};

Result<void> KafkaSink::connect(milliseconds deadline) {
  const auto until = steady_clock::now() + deadline;
  Settings settings = producer_settings(cluster_, options_.linger, options_.options, environment_);
  settings.emplace_back("compression.codec", codec_name(options_.compression));
  auto client = Client::make(RD_KAFKA_PRODUCER,
                             settings,
                             {.rebalanced = nullptr, .delivered = on_delivery, .owner = this});
  if (!client) return std::move(client).error();
  client_ = *std::move(client);
  if (auto connected = client_->connect(left_until(until)); !connected) return connected;
  // Without being asked, the library learns of a topic only with its first record, which then
  // waits.
  if (auto known = client_->partitions_of(options_.topic, left_until(until)); !known)
    return std::move(known).error();
  topic_.reset(rd_kafka_topic_new(client_->handle(), options_.topic.c_str(), nullptr));
  if (!topic_)
    return kafka_error(rd_kafka_last_error(), fmt::format("write to topic '{}'", options_.topic));
  return {};
}

std::size_t KafkaSink::hold(std::uint64_t opaque) {
  std::size_t index = free_;
  if (index == kNone) {
    index = held_.size();
    held_.emplace_back();
  } else {
    free_ = held_[index].next_free;
  }
  held_[index].opaque = opaque;
  ++outstanding_;
  return index;
}

std::uint64_t KafkaSink::let_go(std::size_t index) {
  Held& held = held_[index];
  held.value = Bytes();
  held.next_free = free_;
  free_ = index;
  --outstanding_;
  return held.opaque;
}

HeadersHandle KafkaSink::headers_of(const OutRecord& record) const {
  if (record.headers.empty()) return nullptr;
  HeadersHandle headers(rd_kafka_headers_new(record.headers.size()));
  for (const Header& header : record.headers) {
    rd_kafka_header_add(headers.get(),
                        header.name.data(),
                        static_cast<ssize_t>(header.name.size()),
                        header.value.data(),
                        static_cast<ssize_t>(header.value.size()));
  }
  return headers;
}

Result<Accepted> KafkaSink::write(OutRecord& record, std::uint64_t opaque) {
  if (is_broken()) return Accepted::full;
  HeadersHandle headers = headers_of(record);
  const bool copied = record.value.size() <= kCopiedBytes;
  const std::size_t index = hold(opaque);
  // The library takes what it does not change as void*.
  auto* value = const_cast<char*>(record.value.data());
  auto* key = const_cast<char*>(record.key.data());
  const auto code = rd_kafka_producev(client_->handle(),
                                      RD_KAFKA_V_RKT(topic_.get()),
                                      RD_KAFKA_V_PARTITION(record.partition),
                                      RD_KAFKA_V_MSGFLAGS(copied ? RD_KAFKA_MSG_F_COPY : 0),
                                      RD_KAFKA_V_VALUE(value, record.value.size()),
                                      RD_KAFKA_V_KEY(key, record.key.size()),
                                      RD_KAFKA_V_TIMESTAMP(written_time(record.timestamp_ms)),
                                      RD_KAFKA_V_OPAQUE(reinterpret_cast<void*>(index)),
                                      RD_KAFKA_V_HEADERS(headers.get()),
                                      RD_KAFKA_V_END);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
    static_cast<void>(headers.release());  // the library owns them now
    if (!copied) held_[index].value = record.value;
    return Accepted::yes;
  }
  let_go(index);
  if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) return Accepted::full;
  if (code == RD_KAFKA_RESP_ERR__FATAL || is_broken()) return Accepted::full;
  return kafka_error(code, fmt::format("write to topic '{}'", options_.topic));
}

void KafkaSink::delivered(const rd_kafka_message_t& message) {
  Verdict verdict;
  verdict.opaque = let_go(reinterpret_cast<std::size_t>(message._private));
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    const std::string doing = fmt::format("write to {}[{}]", options_.topic, message.partition);
    // The message's own text would not do: of a message that was to be sent it is the payload.
    verdict.error = kafka_error(message.err, doing, rd_kafka_err2str(message.err));
    const bool purged = message.err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
                        message.err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
    // A producer that has lost its sequence cannot tell what has arrived: a new one writes again.
    if (purged || message.err == RD_KAFKA_RESP_ERR__FATAL ||
        (verdict.error->kind == Errc::internal && is_broken())) {
      verdict.error = error(Errc::unavailable,
                            "KAFKA_UNREACHABLE",
                            doing + ": not known to have arrived; it is written again");
    }
  }
  verdicts_.push_back(std::move(verdict));
}

/// An idempotent producer that has met a fatal error takes nothing more.
bool KafkaSink::is_broken() const {
  return rd_kafka_fatal_error(client_->handle(), nullptr, 0) != RD_KAFKA_RESP_ERR_NO_ERROR;
}

Result<void> KafkaSink::rebuild() {
  char reason[512] = {};
  const auto code = rd_kafka_fatal_error(client_->handle(), reason, sizeof(reason));
  Error problem = kafka_error(code, fmt::format("write to topic '{}'", options_.topic), reason);
  if (problem.kind == Errc::denied || problem.kind == Errc::fenced) return problem;
  if (!purged_) {
    purged_ = true;
    log::warn("producer is made anew", {{"topic", options_.topic}, {"reason", problem.message}});
    rd_kafka_purge(client_->handle(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  }
  if (outstanding_ > 0) return {};
  topic_.reset();
  client_.reset();
  purged_ = false;
  return connect(kRebuildDeadline);
}

Result<void> KafkaSink::poll(milliseconds wait, std::vector<Verdict>& verdicts) {
  rd_kafka_poll(client_->handle(), outstanding_ > 0 ? timeout_ms(wait) : 0);
  std::move(verdicts_.begin(), verdicts_.end(), std::back_inserter(verdicts));
  verdicts_.clear();
  if (is_broken()) return rebuild();
  if (auto outage = client_->take_outage(); outage && outage->kind == Errc::denied) return *outage;
  return {};
}

Result<void> KafkaSink::close(milliseconds deadline) {
  if (!client_) return {};
  if (outstanding_ > 0) rd_kafka_flush(client_->handle(), timeout_ms(deadline));
  verdicts_.clear();
  return {};
}

}  // namespace

std::unique_ptr<Sink> make_kafka_sink(ClusterOptions cluster,
                                      KafkaSinkOptions options,
                                      KafkaEnvironment environment) {
  return std::make_unique<KafkaSink>(
      std::move(cluster), std::move(options), std::move(environment));
}

}  // namespace millrace::connectors
