#include "connectors/kafka/options.h"

#include "connectors/kafka/capability.h"
#include "connectors/kafka/client.h"
#include "connectors/kafka/settings.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace millrace::connectors {
namespace {

using config::child_path;
using config::Object;
using config::Report;

struct Owned {
  std::string_view name;  // a trailing dot names a family
  std::string_view reason;
};

constexpr std::string_view kOffsets = "offsets are committed by millrace, with the completion map";
constexpr std::string_view kHasField = "it has a field of its own in the configuration";
constexpr std::string_view kGuarantee = "the delivery guarantee rests on it";
constexpr std::string_view kRunsCode = "it would run code of somebody else";
constexpr std::string_view kInternal = "the connector depends on how it is set";

/// Settings that configuration may not touch, and why.
constexpr auto kOwned = std::to_array<Owned>({
    {"enable.auto.commit", kOffsets},
    {"auto.commit.enable", kOffsets},
    {"auto.commit.interval.ms", kOffsets},
    {"enable.auto.offset.store", kOffsets},
    {"offset.store.", kOffsets},
    {"auto.offset.reset",
     "where reading begins is the source's start:, and nothing is skipped silently"},
    {"topic.auto.offset.reset",
     "where reading begins is the source's start:, and nothing is skipped silently"},
    {"isolation.level", "aborted records must never be processed"},
    {"check.crcs", "corrupt records must never be processed"},
    {"enable.partition.eof", kInternal},
    {"allow.auto.create.topics", "a misspelt topic must not come into being"},
    {"acks", kGuarantee},
    {"request.required.acks", kGuarantee},
    {"enable.idempotence", kGuarantee},
    {"enable.gapless.guarantee", kGuarantee},
    {"max.in.flight", kGuarantee},
    {"max.in.flight.requests.per.connection", kGuarantee},
    {"transactional.id", kGuarantee},
    {"transaction.timeout.ms", kGuarantee},
    {"group.protocol", "the connector speaks the classic group protocol"},
    {"group.remote.assignor", "the connector speaks the classic group protocol"},
    {"partitioner", "equal keys must land where a Java producer puts them"},
    {"partitioner_cb", kInternal},
    {"plugin.library.paths", kRunsCode},
    {"sasl.kerberos.", kRunsCode},
    {"ssl.engine.", kRunsCode},
    {"ssl.providers", kRunsCode},
    {"interceptors", kRunsCode},
    {"sasl.", kHasField},
    {"ssl.", kHasField},
    {"enable.ssl.certificate.verification", "it is tls.verify in the configuration"},
    {"enable.sasl.oauthbearer.unsecure.jwt", "it would accept forged tokens"},
    {"security.protocol", "it follows from auth: and tls:"},
    {"bootstrap.servers", kHasField},
    {"metadata.broker.list", kHasField},
    {"client.id", kHasField},
    {"group.id", kHasField},
    {"group.instance.id", "it is instance_id: in the configuration"},
    {"partition.assignment.strategy", "it is rebalance: in the configuration"},
    {"session.timeout.ms", kHasField},
    {"max.poll.interval.ms", "it is poll_interval: in the configuration"},
    {"heartbeat.interval.ms", kHasField},
    {"compression.codec", "it is compression: in the configuration"},
    {"compression.type", "it is compression: in the configuration"},
    {"linger.ms", "it is linger: in the configuration"},
    {"queue.buffering.max.ms", "it is linger: in the configuration"},
    {"enable.metrics.push", "metrics are never sent to the broker"},
    {"test.mock.num.brokers", "the embedded broker is for the demo"},
    {"builtin.features", kInternal},
    {"log.queue", kInternal},
    {"enabled_events", kInternal},
    {"opaque", kInternal},
    {"error_cb", kInternal},
    {"log_cb", kInternal},
});

std::optional<std::string_view> owned_because(std::string_view name) {
  for (const Owned& row : kOwned) {
    const bool family = row.name.ends_with('.');
    if (family ? name.starts_with(row.name) : name == row.name) return row.reason;
  }
  return std::nullopt;
}

void check_options(const std::map<std::string, std::string>& options, Report& report) {
  for (const auto& [name, value] : options) {
    if (auto problem = option_problem(name, value)) {
      report.fail(child_path("options", name), *std::move(problem));
    }
  }
}

bool is_topic_name(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= 249 && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), fits);
}

void check_topic(std::string_view field, const std::string& topic, Report& report) {
  if (is_topic_name(topic)) return;
  report.fail(
      field,
      fmt::format(
          "expected the name of a topic (letters, digits, '.', '_', '-', at most 249), found '{}'",
          topic),
      topic.starts_with('^') ? "patterns are not supported; list the topics" : "");
}

void check_source(const KafkaSourceOptions& source, Report& report) {
  for (std::size_t i = 0; i < source.topics.size(); ++i) {
    check_topic(config::item_path("topics", i), source.topics[i], report);
    if (std::count(source.topics.begin(), source.topics.end(), source.topics[i]) > 1) {
      report.fail(config::item_path("topics", i),
                  fmt::format("topic '{}' is listed twice", source.topics[i]));
    }
  }
  if (source.heartbeat_interval * 3 > source.session_timeout) {
    report.fail("heartbeat_interval",
                "expected at most a third of session_timeout",
                "a member that misses one heartbeat would be expelled");
  }
  if (source.session_timeout > source.poll_interval) {
    report.fail("session_timeout", "expected at most poll_interval");
  }
  if (source.rebalance == Rebalance::cooperative && !capability().cooperative_is_sound) {
    report.warn(
        "rebalance",
        "cooperative groups can hang with librdkafka below 2.6.1 when members outnumber partitions",
        "use eager, or a newer librdkafka");
  }
}

void check_cluster(const ClusterOptions& cluster, Report& report) {
  const bool encrypted = cluster.tls && cluster.tls->enabled;
  if (cluster.auth && cluster.auth->sasl == SaslMechanism::plain && !encrypted) {
    report.fail("auth.sasl", "plain sends the password as it is: it needs tls:");
  }
  if (cluster.auth && cluster.auth->sasl != SaslMechanism::plain && !encrypted) {
    report.warn("auth.sasl", "without tls: records cross the network in the clear");
  }
  if (encrypted && !cluster.tls->verify) {
    report.warn("tls.verify", "anybody in between may read and change the records");
  }
  if (encrypted && cluster.tls->certificate.empty() != cluster.tls->key.empty()) {
    report.fail("tls.certificate", "certificate and key go together");
  }
  check_options(cluster.options, report);
}

const Object<AuthOptions>& auth_schema() {
  static const auto schema =
      Object<AuthOptions>("Who we are towards the brokers.")
          .choice("sasl",
                  &AuthOptions::sasl,
                  "How the password is proven.",
                  {{"plain", SaslMechanism::plain},
                   {"scram-sha-256", SaslMechanism::scram_sha_256},
                   {"scram-sha-512", SaslMechanism::scram_sha_512}})
          .field("user", &AuthOptions::user, "Name of the principal.", {.min = 1, .required = true})
          .field("password", &AuthOptions::password, "Its password.", {.required = true});
  return schema;
}

const Object<TlsOptions>& tls_schema() {
  static const auto schema =
      Object<TlsOptions>("Encryption towards the brokers.")
          .field("enabled", &TlsOptions::enabled, "Switches encryption on.")
          .field("ca",
                 &TlsOptions::ca,
                 "PEM file of the trusted authorities; empty takes those of the system.")
          .field("certificate",
                 &TlsOptions::certificate,
                 "PEM file of our certificate, for mutual TLS.")
          .field("key", &TlsOptions::key, "PEM file of our private key.")
          .field("key_password", &TlsOptions::key_password, "Password of the private key.")
          .field("verify", &TlsOptions::verify, "Checks the broker's certificate and host name.");
  return schema;
}

bool is_loopback(std::string_view broker) {
  if (const auto scheme = broker.find("://"); scheme != std::string_view::npos)
    broker.remove_prefix(scheme + 3);
  return broker.starts_with("127.") || broker.starts_with("localhost") ||
         broker.starts_with("[::1]");
}

}  // namespace

const Object<ClusterOptions>& cluster_schema() {
  static const auto schema = Object<ClusterOptions>("A Kafka cluster.")
                                 .field("brokers",
                                        &ClusterOptions::brokers,
                                        "Where to begin: `host:port`, separated by commas.",
                                        {.min = 1, .required = true})
                                 .object("auth", &ClusterOptions::auth, auth_schema())
                                 .object("tls", &ClusterOptions::tls, tls_schema())
                                 .field("options",
                                        &ClusterOptions::options,
                                        "Options of librdkafka for every client of the cluster.")
                                 .check("a password is not sent in the clear", check_cluster);
  return schema;
}

const Object<KafkaSourceOptions>& kafka_source_schema() {
  static const auto schema =
      Object<KafkaSourceOptions>("Reads topics as a member of a consumer group.")
          .field(
              "cluster", &KafkaSourceOptions::cluster, "Name of the cluster.", {.required = true})
          .field("topics",
                 &KafkaSourceOptions::topics,
                 "Topics to read.",
                 {.min = 1, .required = true, .one_is_a_list = true})
          .field("group",
                 &KafkaSourceOptions::group,
                 "Consumer group; its members share the partitions.",
                 {.min = 1, .required = true})
          .choice("start",
                  &KafkaSourceOptions::start,
                  "Where reading begins.",
                  {{"committed-or-earliest", StartAt::committed_or_earliest},
                   {"committed-or-latest", StartAt::committed_or_latest},
                   {"earliest", StartAt::earliest},
                   {"latest", StartAt::latest}})
          .choice("on_out_of_range",
                  &KafkaSourceOptions::on_out_of_range,
                  "What happens when the committed offset no longer exists; all but stop may lose "
                  "records.",
                  {{"stop", OutOfRange::stop},
                   {"earliest", OutOfRange::earliest},
                   {"latest", OutOfRange::latest}})
          .choice("rebalance",
                  &KafkaSourceOptions::rebalance,
                  "How partitions change hands; all members of a group must agree.",
                  {{"eager", Rebalance::eager}, {"cooperative", Rebalance::cooperative}})
          .field(
              "instance_id",
              &KafkaSourceOptions::instance_id,
              "Makes this a static member: a restart within session_timeout keeps its partitions.")
          .field("session_timeout",
                 &KafkaSourceOptions::session_timeout,
                 "Silence after which the group goes on without us.",
                 {.min = 500, .max = 3'600'000})
          .field("poll_interval",
                 &KafkaSourceOptions::poll_interval,
                 "Longest time a rebalance waits for this member.",
                 {.min = 1'000, .max = 86'400'000})
          .field("heartbeat_interval",
                 &KafkaSourceOptions::heartbeat_interval,
                 "How often we show that we are alive.",
                 {.min = 100, .max = 3'600'000})
          .field(
              "options", &KafkaSourceOptions::options, "Options of librdkafka for this consumer.")
          .check("intervals fit into each other", check_source)
          .check("options of librdkafka exist and are not ours",
                 [](const KafkaSourceOptions& source, Report& report) {
                   check_options(source.options, report);
                 });
  return schema;
}

const Object<KafkaSinkOptions>& kafka_sink_schema() {
  static const auto schema =
      Object<KafkaSinkOptions>(
          "Writes to a topic; delivered means that all in-sync replicas have it.")
          .field("cluster", &KafkaSinkOptions::cluster, "Name of the cluster.", {.required = true})
          .field("topic",
                 &KafkaSinkOptions::topic,
                 "Topic to write to; it must exist.",
                 {.required = true})
          .choice("compression",
                  &KafkaSinkOptions::compression,
                  "How batches are compressed.",
                  {{"none", Compression::none},
                   {"gzip", Compression::gzip},
                   {"snappy", Compression::snappy},
                   {"lz4", Compression::lz4},
                   {"zstd", Compression::zstd}})
          .field("linger",
                 &KafkaSinkOptions::linger,
                 "Longest wait of a record for company on its way out.",
                 {.min = 0, .max = 60'000})
          .field("options",
                 &KafkaSinkOptions::options,
                 "Options of librdkafka for the producer of the cluster.")
          .check("topic has a name that Kafka takes",
                 [](const KafkaSinkOptions& sink, Report& report) {
                   check_topic("topic", sink.topic, report);
                 })
          .check("options of librdkafka exist and are not ours",
                 [](const KafkaSinkOptions& sink, Report& report) {
                   check_options(sink.options, report);
                 });
  return schema;
}

std::optional<std::string> option_problem(const std::string& name, const std::string& value) {
  if (const auto reason = owned_because(name))
    return fmt::format("{} cannot be set: {}", name, *reason);
  if (name == "client.rack" && !capability().client_rack) {
    return "client.rack cannot be set: librdkafka below 2.1.1 crashes when it fetches from a "
           "follower";
  }
  const ConfHandle conf(rd_kafka_conf_new());
  char text[512];
  switch (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), text, sizeof(text))) {
    case RD_KAFKA_CONF_OK:
      return std::nullopt;
    case RD_KAFKA_CONF_UNKNOWN:
      return fmt::format("{} is no option of librdkafka {}", name, rd_kafka_version_str());
    case RD_KAFKA_CONF_INVALID:
      break;
  }
  return fmt::format("the value of {} is not one that librdkafka takes", name);
}

Result<void> try_options(const ClusterOptions& cluster, const KafkaSourceOptions& source) {
  ClusterOptions nowhere = cluster;
  nowhere.brokers.clear();
  auto client = Client::make(RD_KAFKA_CONSUMER, consumer_settings(nowhere, source, {}), {});
  if (!client) return std::move(client).error();
  return {};
}

Result<void> try_options(const ClusterOptions& cluster, const KafkaSinkOptions& sink) {
  ClusterOptions nowhere = cluster;
  nowhere.brokers.clear();
  auto client = Client::make(
      RD_KAFKA_PRODUCER, producer_settings(nowhere, sink.linger, sink.options, {}), {});
  if (!client) return std::move(client).error();
  return {};
}

bool is_plaintext_to_network(const ClusterOptions& cluster) {
  if (cluster.tls && cluster.tls->enabled) return false;
  std::string_view rest = cluster.brokers;
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    if (!is_loopback(rest.substr(0, comma))) return true;
    rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
  }
  return false;
}

}  // namespace millrace::connectors
