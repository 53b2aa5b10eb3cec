#include "connectors/kafka/settings.h"

// Which setting has which value, and why: docs of librdkafka 2.0.2, and what was measured against
// Kafka 3.9 and 4.1.

namespace millrace::connectors {
namespace {

std::string_view mechanism_name(SaslMechanism mechanism) {
  switch (mechanism) {
    case SaslMechanism::plain:
      return "PLAIN";
    case SaslMechanism::scram_sha_256:
      return "SCRAM-SHA-256";
    case SaslMechanism::scram_sha_512:
      break;
  }
  return "SCRAM-SHA-512";
}

void add_security(const ClusterOptions& cluster, Settings& settings) {
  const bool encrypted = cluster.tls && cluster.tls->enabled;
  const char* with_password = encrypted ? "sasl_ssl" : "sasl_plaintext";
  const char* without = encrypted ? "ssl" : "plaintext";
  settings.emplace_back("security.protocol", cluster.auth ? with_password : without);
  if (cluster.auth) {
    settings.emplace_back("sasl.mechanisms", mechanism_name(cluster.auth->sasl));
    settings.emplace_back("sasl.username", cluster.auth->user);
    settings.emplace_back("sasl.password", cluster.auth->password.reveal());
  }
  if (!encrypted) return;
  const TlsOptions& tls = *cluster.tls;
  if (!tls.ca.empty()) settings.emplace_back("ssl.ca.location", tls.ca);
  if (!tls.certificate.empty()) settings.emplace_back("ssl.certificate.location", tls.certificate);
  if (!tls.key.empty()) settings.emplace_back("ssl.key.location", tls.key);
  if (!tls.key_password.empty())
    settings.emplace_back("ssl.key.password", tls.key_password.reveal());
  settings.emplace_back("enable.ssl.certificate.verification", tls.verify ? "true" : "false");
  settings.emplace_back("ssl.endpoint.identification.algorithm", tls.verify ? "https" : "none");
}

void add_all(const std::map<std::string, std::string>& options, Settings& settings) {
  for (const auto& [name, value] : options) settings.emplace_back(name, value);
}

}  // namespace

std::string_view codec_name(Compression compression) {
  switch (compression) {
    case Compression::none:
      return "none";
    case Compression::gzip:
      return "gzip";
    case Compression::snappy:
      return "snappy";
    case Compression::lz4:
      return "lz4";
    case Compression::zstd:
      break;
  }
  return "zstd";
}

Settings cluster_settings(const ClusterOptions& cluster, const KafkaEnvironment& environment) {
  Settings settings;
  if (!cluster.brokers.empty()) settings.emplace_back("bootstrap.servers", cluster.brokers);
  settings.emplace_back("client.id", environment.client_id);
  settings.emplace_back("log.queue", "true");
  settings.emplace_back("socket.nagle.disable", "true");  // the default only since 2.10
  settings.emplace_back("socket.keepalive.enable", "true");
  // The library waits up to 10 s between attempts; a broker that is back should not be left
  // waiting.
  settings.emplace_back("reconnect.backoff.max.ms", "1000");
  add_security(cluster, settings);
  add_all(cluster.options, settings);
  return settings;
}

Settings scout_settings(const ClusterOptions& cluster, const KafkaEnvironment& environment) {
  Settings settings = cluster_settings(cluster, environment);
  settings.emplace_back("allow.auto.create.topics", "false");
  return settings;
}

Settings consumer_settings(const ClusterOptions& cluster,
                           const KafkaSourceOptions& source,
                           const KafkaEnvironment& environment) {
  // What may be overruled comes first. The queue limits stay the library's: smaller ones
  // throttle 2.0.2 to one fetch a second, and our own byte budget is the wall.
  Settings settings = {{"fetch.message.max.bytes", "1048576"},
                       {"fetch.max.bytes", "16777216"},
                       {"receive.message.max.bytes", "33554432"},
                       {"fetch.wait.max.ms", "100"},
                       {"fetch.error.backoff.ms", "100"}};
  for (auto& setting : cluster_settings(cluster, environment))
    settings.push_back(std::move(setting));
  add_all(source.options, settings);
  const bool eager = source.rebalance == Rebalance::eager;
  settings.insert(settings.end(),
                  {{"group.id", source.group},
                   {"partition.assignment.strategy", eager ? "range" : "cooperative-sticky"},
                   {"session.timeout.ms", std::to_string(source.session_timeout.count())},
                   {"max.poll.interval.ms", std::to_string(source.poll_interval.count())},
                   {"heartbeat.interval.ms", std::to_string(source.heartbeat_interval.count())},
                   {"enable.auto.commit", "false"},
                   {"enable.auto.offset.store", "false"},
                   {"auto.offset.reset", "error"},
                   {"isolation.level", "read_committed"},
                   {"check.crcs", "true"},
                   {"enable.partition.eof", "false"},
                   {"allow.auto.create.topics", "false"}});
  if (!source.instance_id.empty()) settings.emplace_back("group.instance.id", source.instance_id);
  return settings;
}

Settings producer_settings(const ClusterOptions& cluster,
                           std::chrono::milliseconds linger,
                           const std::map<std::string, std::string>& options,
                           const KafkaEnvironment& environment) {
  Settings settings = {{"queue.buffering.max.kbytes", "65536"}};
  for (auto& setting : cluster_settings(cluster, environment))
    settings.push_back(std::move(setting));
  add_all(options, settings);
  settings.insert(settings.end(),
                  {{"linger.ms", std::to_string(linger.count())},
                   {"enable.idempotence", "true"},
                   {"acks", "all"},
                   {"max.in.flight.requests.per.connection", "5"},
                   // The library's default hashes with CRC32 and so puts a key elsewhere than Java
                   // producers do.
                   {"partitioner", "murmur2_random"}});
  return settings;
}

}  // namespace millrace::connectors
