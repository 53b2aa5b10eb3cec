#pragma once

#include "config/schema/object.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace millrace::config {
class Metrics;
}  // namespace millrace::config

namespace millrace::connectors {

enum class SaslMechanism : std::uint8_t { plain, scram_sha_256, scram_sha_512 };

/// User and password of a cluster.
struct AuthOptions {
  SaslMechanism sasl = SaslMechanism::scram_sha_512;
  std::string user;
  Secret password;
};

/// Encryption towards a cluster; paths are PEM files.
struct TlsOptions {
  bool enabled = true;
  std::string ca;           // empty: the system's certificates
  std::string certificate;  // ours, for mutual TLS
  std::string key;
  Secret key_password;
  bool verify = true;
};

/// One Kafka cluster, shared by the sources and sinks that name it.
struct ClusterOptions {
  std::string brokers;
  std::optional<AuthOptions> auth;
  std::optional<TlsOptions> tls;
  std::map<std::string, std::string> options;
};

/// Where reading begins. The first two ask the group first.
enum class StartAt : std::uint8_t { committed_or_earliest, committed_or_latest, earliest, latest };
enum class OutOfRange : std::uint8_t { stop, earliest, latest };
enum class Rebalance : std::uint8_t { eager, cooperative };

struct KafkaSourceOptions {
  std::string cluster;
  std::vector<std::string> topics;
  std::string group;
  StartAt start = StartAt::committed_or_earliest;
  OutOfRange on_out_of_range = OutOfRange::stop;
  Rebalance rebalance = Rebalance::eager;
  std::string instance_id;
  std::chrono::milliseconds session_timeout{45'000};
  std::chrono::milliseconds poll_interval{120'000};
  std::chrono::milliseconds heartbeat_interval{3'000};
  std::map<std::string, std::string> options;
};

enum class Compression : std::uint8_t { none, gzip, snappy, lz4, zstd };

/// A topic to write to. Acknowledgement by all replicas and idempotence are not options.
struct KafkaSinkOptions {
  std::string cluster;
  std::string topic;
  Compression compression = Compression::none;
  std::chrono::milliseconds linger{5};
  std::map<std::string, std::string> options;
};

const config::Object<ClusterOptions>& cluster_schema();
const config::Object<KafkaSourceOptions>& kafka_source_schema();
const config::Object<KafkaSinkOptions>& kafka_sink_schema();

/// What the process brings along, beside the configuration.
struct KafkaEnvironment {
  std::string client_id = "millrace";
  /// How long open() tries to reach the brokers.
  std::chrono::milliseconds startup_deadline{60'000};
  config::Metrics* metrics = nullptr;  // outlives the connector; may be absent
};

/// Says what is wrong with an option meant for librdkafka: it is ours, it runs code, it does not
/// exist, or the value does not fit. Never repeats the value. Nothing when it is fine.
std::optional<std::string> option_problem(const std::string& name, const std::string& value);

/// Tries the settings of a source, or of a sink, on handles that connect to nobody.
///
/// Finds what only the library knows: certificates that cannot be read, settings that exclude each
/// other. Errors: BAD_KAFKA_OPTION, KAFKA_VERSION (both invalid_input or unsupported).
Result<void> try_options(const ClusterOptions& cluster, const KafkaSourceOptions& source);
Result<void> try_options(const ClusterOptions& cluster, const KafkaSinkOptions& sink);

/// Says whether records or passwords would cross a network in the clear: a broker that is not on
/// this machine, no TLS.
bool is_plaintext_to_network(const ClusterOptions& cluster);

}  // namespace millrace::connectors
