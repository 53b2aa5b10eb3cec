#pragma once

#include "connectors/kafka/options.h"

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::connectors {

/// Settings of one librdkafka client, applied in order, so that a later one wins. They hold
/// secrets: never print them.
using Settings = std::vector<std::pair<std::string, std::string>>;

/// Returns the settings that every client of a cluster shares: brokers, security, the options of
/// the cluster.
Settings cluster_settings(const ClusterOptions& cluster, const KafkaEnvironment& environment);
/// Of a client that only asks: it belongs to no group, and no topic comes into being because it
/// asked.
Settings scout_settings(const ClusterOptions& cluster, const KafkaEnvironment& environment);
Settings consumer_settings(const ClusterOptions& cluster,
                           const KafkaSourceOptions& source,
                           const KafkaEnvironment& environment);
/// The options of several sinks of one cluster must agree; `options` is their union.
Settings producer_settings(const ClusterOptions& cluster,
                           std::chrono::milliseconds linger,
                           const std::map<std::string, std::string>& options,
                           const KafkaEnvironment& environment);
std::string_view codec_name(Compression compression);

}  // namespace millrace::connectors
