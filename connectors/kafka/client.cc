#include "connectors/kafka/client.h"

#include "config/base/log.h"
#include "connectors/kafka/capability.h"

#include <algorithm>
#include <cctype>
#include <memory>

#include <fmt/format.h>

namespace millrace::connectors {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// A facility of the library that repeats itself is heard once in this time.
constexpr std::chrono::seconds kSilence{10};
/// Metadata is asked for in slices this long, so that callbacks are served in between.
constexpr milliseconds kSlice{200};
/// A restarting broker may refuse a password that it has not loaded yet, or break off a TLS
/// handshake; it is believed the third time in a row.
constexpr int kDenialsBelieved = 3;
constexpr milliseconds kDeniedAtStart{3'000};
constexpr std::chrono::seconds kInARow{60};

Errc kind_of(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
    case RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE:
    case RD_KAFKA_RESP_ERR_SECURITY_DISABLED:
      return Errc::denied;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return Errc::not_found;
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    case RD_KAFKA_RESP_ERR_TRANSACTION_COORDINATOR_FENCED:
      return Errc::fenced;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
      return Errc::invalid_input;
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE:
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
    case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
    case RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_GROUP_ID:
      return Errc::unsupported;
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__ISR_INSUFF:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR__WAIT_CACHE:
    case RD_KAFKA_RESP_ERR__RETRY:
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
    case RD_KAFKA_RESP_ERR__IN_PROGRESS:
    case RD_KAFKA_RESP_ERR__PREV_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
    case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT:
    case RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED:
    case RD_KAFKA_RESP_ERR_REASSIGNMENT_IN_PROGRESS:
      return Errc::unavailable;
    default:  // newer libraries and brokers have more codes than the header
      return Errc::internal;
  }
}

std::string_view code_of(Errc kind, rd_kafka_resp_err_t code) {
  switch (kind) {
    case Errc::denied:
      return "KAFKA_DENIED";
    case Errc::not_found:
      return "TOPIC_MISSING";
    case Errc::fenced:
      return "KAFKA_FENCED";
    case Errc::unavailable:
      return "KAFKA_UNREACHABLE";
    case Errc::invalid_input:
      return kind_of(code) == Errc::invalid_input && code != RD_KAFKA_RESP_ERR_INVALID_RECORD &&
                     code != RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP
                 ? "TOO_LARGE"
                 : "KAFKA_REFUSED";
    default:
      return "KAFKA_FAILED";
  }
}

std::string_view advice_of(Errc kind, rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR__RESOLVE:
      return "; the name is not known to DNS: check brokers:";
    case RD_KAFKA_RESP_ERR__SSL:
      return "; check tls: and that the port speaks TLS";
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
      return capability().scram_on_kafka_4 ? "; check user and password in auth:"
                                           : "; check user and password in auth: (librdkafka below "
                                             "2.6.1 cannot use SCRAM with Kafka 4: use plain "
                                             "inside tls, or mutual TLS)";
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      return "; the principal needs an ACL for the topic";
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
      return "; the principal needs an ACL for the group";
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
      return "; eager and cooperative members cannot share a group";
    case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
      return "; session_timeout is outside group.min/max.session.timeout.ms of the broker";
    case RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE:
      return "; raise offset.metadata.max.bytes of the broker to 4096";
    default:
      return kind == Errc::not_found
                 ? "; create it, for example with kafka-topics.sh --create --topic"
                 : "";
  }
}

/// librdkafka reports a handshake that the broker broke off as a transport failure.
bool blames_certificate(std::string_view text) {
  return text.find("certificate") != std::string_view::npos ||
         text.find("SSL alert") != std::string_view::npos;
}

/// Hides what looks like a pointer.
std::string without_addresses(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i + 2;
    if (text.substr(i, 2) == "0x") {
      while (end < text.size() && std::isxdigit(static_cast<unsigned char>(text[end])) != 0) ++end;
    }
    if (end >= i + 8) {
      out += "(address)";
      i = end;
    } else {
      out += text[i++];
    }
  }
  return out;
}

void write_log(int level, std::string_view event, std::initializer_list<log::Field> fields) {
  if (level <= 2) return log::error(event, fields);
  if (level <= 4)
    return log::warn(event, fields);  // LOG_ERR is mostly a connection that is tried again
  return log::debug(event, fields);
}

Error bad_option(std::string_view text) {
  return error(Errc::invalid_input,
               "BAD_KAFKA_OPTION",
               fmt::format("librdkafka refuses the settings: {}", clean(text)));
}

}  // namespace

std::string clean(std::string_view text) {
  return config::escape_line(without_addresses(text), 300);
}

Error kafka_error(rd_kafka_resp_err_t code, std::string_view doing, std::string_view text) {
  Errc kind = kind_of(code);
  if (code == RD_KAFKA_RESP_ERR__TRANSPORT && blames_certificate(text)) kind = Errc::denied;
  const std::string said = clean(text.empty() ? std::string_view(rd_kafka_err2str(code)) : text);
  return error(
      kind, code_of(kind, code), fmt::format("{}: {}{}", doing, said, advice_of(kind, code)));
}

Result<std::unique_ptr<Client>> Client::make(rd_kafka_type_t type,
                                             const Settings& settings,
                                             Callbacks callbacks) {
  if (auto version = check_version(capability().version); !version)
    return std::move(version).error();
  std::unique_ptr<Client> client(new Client());
  client->callbacks_ = callbacks;
  ConfHandle conf(rd_kafka_conf_new());
  char text[512];
  for (const auto& [name, value] : settings) {
    switch (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), text, sizeof(text))) {
      case RD_KAFKA_CONF_OK:
        break;
      case RD_KAFKA_CONF_UNKNOWN:
      case RD_KAFKA_CONF_INVALID:
        // The library's text repeats the value, which may be a secret.
        return bad_option(fmt::format("{} does not exist or does not take its value", name));
    }
  }
  rd_kafka_conf_set_opaque(conf.get(), client.get());
  rd_kafka_conf_set_error_cb(conf.get(), on_error);
  rd_kafka_conf_set_log_cb(conf.get(), on_log);
  if (callbacks.rebalanced != nullptr) rd_kafka_conf_set_rebalance_cb(conf.get(), on_rebalance);
  if (callbacks.delivered != nullptr) rd_kafka_conf_set_dr_msg_cb(conf.get(), on_delivery);
  client->handle_.reset(rd_kafka_new(type, conf.get(), text, sizeof(text)));
  if (!client->handle_) return bad_option(text);
  static_cast<void>(conf.release());  // the client owns it now
  // Logs come to us through the main queue, so that a slow log never holds one of the library's
  // threads.
  if (const auto code = rd_kafka_set_log_queue(client->handle(), nullptr);
      code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return bad_option(rd_kafka_err2str(code));
  }
  return client;
}

void Client::become_consumer() {
  rd_kafka_poll_set_consumer(handle());
  is_consumer_ = true;
}

std::optional<Error> Client::take_outage() {
  if (!failure_) return std::nullopt;
  if (failure_->kind != Errc::denied && !all_down_) return std::nullopt;
  all_down_ = false;
  return std::exchange(failure_, std::nullopt);
}

void Client::serve() {
  if (!is_consumer_) rd_kafka_poll(handle(), 0);  // it would swallow records of a consumer
}

Result<void> Client::connect(milliseconds deadline) {
  const auto until = steady_clock::now() + deadline;
  auto next_warning = steady_clock::now() + kSilence;
  std::optional<Error> last;
  std::optional<steady_clock::time_point> denied_at;
  while (true) {
    const rd_kafka_metadata_t* found = nullptr;
    const auto slice = std::max(milliseconds(1), std::min(kSlice, left_until(until)));
    const auto code = rd_kafka_metadata(handle(), 0, nullptr, &found, timeout_ms(slice));
    const MetadataHandle metadata(found);
    serve();
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
      denials_ = 0;
      failure_.reset();
      return {};
    }
    if (failure_) last = std::exchange(failure_, std::nullopt);
    if (last && last->kind == Errc::denied) return *last;
    const auto now = steady_clock::now();
    // The library tells the same denial only twice a minute. At the start, one that stands for so
    // long is believed.
    if (last && last->code == "KAFKA_DENIED") {
      if (!denied_at) denied_at = now;
      if (now - *denied_at >= kDeniedAtStart) {
        last->kind = Errc::denied;
        return *last;
      }
    }
    if (now >= until) {
      if (last && last->code == "KAFKA_DENIED") last->kind = Errc::denied;
      if (last) return *last;
      return kafka_error(RD_KAFKA_RESP_ERR__TIMED_OUT,
                         "connect to the cluster",
                         fmt::format("no broker answered within {} s",
                                     static_cast<double>(deadline.count()) / 1000.0));
    }
    if (now >= next_warning) {
      log::warn("kafka cluster does not answer yet",
                {{"reason", last ? last->message : "no answer"}});
      next_warning = now + kSilence;
    }
  }
}

Result<std::int32_t> Client::partitions_of(const std::string& topic, milliseconds deadline) {
  const std::string doing = fmt::format("look for topic '{}'", topic);
  const TopicHandle handle_of_topic(rd_kafka_topic_new(handle(), topic.c_str(), nullptr));
  if (!handle_of_topic) return kafka_error(rd_kafka_last_error(), doing);
  const auto until = steady_clock::now() + deadline;
  while (true) {
    const rd_kafka_metadata_t* found = nullptr;
    auto code = rd_kafka_metadata(
        handle(), 0, handle_of_topic.get(), &found, timeout_ms(left_until(until)) + 1);
    const MetadataHandle metadata(found);
    std::int32_t partitions = 0;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
      code = metadata->topic_cnt == 1 ? metadata->topics[0].err
                                      : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
      if (metadata->topic_cnt == 1) partitions = metadata->topics[0].partition_cnt;
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && partitions > 0) return partitions;
    serve();
    Error problem = kafka_error(
        code == RD_KAFKA_RESP_ERR_NO_ERROR ? RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE : code, doing);
    if (problem.kind == Errc::not_found) problem.message += " " + topic;
    if (problem.kind != Errc::unavailable || steady_clock::now() >= until) return problem;
  }
}

void Client::on_error(rd_kafka_t*, int code, const char* reason, void* opaque) {
  auto& client = *static_cast<Client*>(opaque);
  const auto failed = static_cast<rd_kafka_resp_err_t>(code);
  if (failed == RD_KAFKA_RESP_ERR__FATAL)
    return;  // the call that meets it reports it with its cause
  if (failed == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
    client.all_down_ = true;
    if (client.failure_) return;  // it follows the reason and would hide it
  }
  Error problem = kafka_error(failed, "connect to the cluster", reason == nullptr ? "" : reason);
  if (problem.kind == Errc::denied) {
    const auto now = steady_clock::now();
    client.denials_ = now - client.last_denial_ < kInARow ? client.denials_ + 1 : 1;
    client.last_denial_ = now;
    if (client.denials_ < kDenialsBelieved) problem.kind = Errc::unavailable;
  } else if (failed == RD_KAFKA_RESP_ERR__TRANSPORT && client.denials_ > 0 && client.failure_) {
    return;  // the broken connection says less than why it was broken
  }
  client.failure_ = std::move(problem);
}

void Client::on_log(const rd_kafka_t* handle, int level, const char* facility, const char* text) {
  auto* client = static_cast<Client*>(rd_kafka_opaque(handle));
  if (client == nullptr || text == nullptr) return;
  // Said to every broker before it has told its version; what follows from it is checked elsewhere.
  if (facility != nullptr && std::string_view(facility) == "AUTOCREATE") return;
  const auto now = steady_clock::now();
  auto [spoken, is_new] =
      client->spoken_.try_emplace(facility == nullptr ? "" : facility, Spoken{now});
  if (!is_new && level > 2 && now - spoken->second.at < kSilence) {
    ++spoken->second.held_back;
    return;
  }
  write_log(level,
            "librdkafka",
            {{"facility", spoken->first},
             {"text", clean(text)},
             {"held_back", spoken->second.held_back}});
  spoken->second = {now, 0};
}

void Client::on_rebalance(rd_kafka_t* handle,
                          rd_kafka_resp_err_t code,
                          rd_kafka_topic_partition_list_t* partitions,
                          void* opaque) {
  const auto& callbacks = static_cast<Client*>(opaque)->callbacks_;
  callbacks.rebalanced(handle, code, partitions, callbacks.owner);
}

void Client::on_delivery(rd_kafka_t* handle, const rd_kafka_message_t* message, void* opaque) {
  const auto& callbacks = static_cast<Client*>(opaque)->callbacks_;
  callbacks.delivered(handle, message, callbacks.owner);
}

}  // namespace millrace::connectors
