#include "connectors/table/table.h"

#include "config/base/check.h"
#include "config/schema/suggest.h"
#include "connectors/file/sink.h"
#include "connectors/file/source.h"
#include "connectors/kafka/capability.h"
#include "connectors/kafka/embedded.h"
#include "connectors/kafka/sink.h"
#include "connectors/kafka/source.h"
#include "connectors/stdio/sink.h"
#include "connectors/stdio/source.h"

#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace millrace::connectors {
namespace {

using config::Tagged;

/// Standard input and output have nothing to be set.
struct StdioOptions {};

const config::Object<StdioOptions>& stdio_source_schema() {
  static const config::Object<StdioOptions> schema("Reads standard input line by line.");
  return schema;
}

const config::Object<StdioOptions>& stdio_sink_schema() {
  static const config::Object<StdioOptions> schema(
      "Writes one line for each record to standard output.");
  return schema;
}

const ClusterOptions* find(const Clusters& clusters, const std::string& name) {
  for (const auto& [known, options] : clusters) {
    if (known == name) return &options;
  }
  return nullptr;
}

const ClusterOptions& found(const Clusters& clusters, const std::string& name) {
  const ClusterOptions* cluster = find(clusters, name);
  config::check(cluster != nullptr, "the cluster of a checked connector exists");
  return *cluster;
}

std::vector<std::string> names_of(const Clusters& clusters) {
  std::vector<std::string> names;
  for (const auto& [name, options] : clusters) names.push_back(name);
  return names;
}

/// Reads options as far as they can be read: what is wrong with them was reported by whoever read
/// them first.
template <typename T>
T read_again(const config::Object<T>& schema, const Tagged& tagged) {
  config::Reading reading;
  return schema.read(tagged.options, "", reading);
}

KafkaSourceOptions kafka_source(const Tagged& tagged) {
  return read_again(kafka_source_schema(), tagged);
}

KafkaSinkOptions kafka_sink(const Tagged& tagged) {
  return read_again(kafka_sink_schema(), tagged);
}

/// Checks what a source and a sink of Kafka have in common.
template <typename Options>
std::vector<OptionProblem> check_kafka(const Options& options, const Clusters& clusters) {
  std::vector<OptionProblem> problems;
  for (const auto& [name, value] : options.options) {
    if (auto problem = option_problem(name, value))
      problems.push_back({"options." + name, *problem, ""});
  }
  const ClusterOptions* cluster = find(clusters, options.cluster);
  if (cluster == nullptr && !options.cluster.empty()) {
    problems.push_back({"cluster",
                        fmt::format("there is no cluster '{}'", options.cluster),
                        clusters.empty()
                            ? "add it under `clusters:`"
                            : config::suggestion(options.cluster, names_of(clusters))});
  }
  return problems;
}

template <typename Options>
std::optional<std::string> try_kafka(const Options& options, const Clusters& clusters) {
  auto tried = try_options(found(clusters, options.cluster), options);
  if (tried) return std::nullopt;
  return std::move(tried).error().message;
}

class MockBroker final : public EmbeddedBroker {
 public:
  explicit MockBroker(std::unique_ptr<EmbeddedCluster> cluster) : cluster_(std::move(cluster)) {}

  const std::string& brokers() const override { return cluster_->bootstraps(); }

  Result<void> create_topic(const std::string& name, int partitions) override {
    return cluster_->create_topic(name, partitions);
  }

 private:
  std::unique_ptr<EmbeddedCluster> cluster_;
};

}  // namespace

const std::vector<config::Kind>& source_kinds() {
  static const std::vector<config::Kind> kinds{{"kafka", &kafka_source_schema()},
                                               {"files", &file_source_schema()},
                                               {"stdio", &stdio_source_schema()}};
  return kinds;
}

const std::vector<config::Kind>& sink_kinds() {
  static const std::vector<config::Kind> kinds{{"kafka", &kafka_sink_schema()},
                                               {"files", &file_sink_schema()},
                                               {"stdio", &stdio_sink_schema()}};
  return kinds;
}

std::vector<OptionProblem> check_source(const Tagged& tagged, const Clusters& clusters) {
  if (tagged.kind == "kafka") return check_kafka(kafka_source(tagged), clusters);
  return {};
}

std::vector<OptionProblem> check_sink(const Tagged& tagged, const Clusters& clusters) {
  if (tagged.kind == "kafka") return check_kafka(kafka_sink(tagged), clusters);
  return {};
}

std::optional<std::string> try_source(const Tagged& tagged, const Clusters& clusters) {
  return tagged.kind == "kafka" ? try_kafka(kafka_source(tagged), clusters) : std::nullopt;
}

std::optional<std::string> try_sink(const Tagged& tagged, const Clusters& clusters) {
  return tagged.kind == "kafka" ? try_kafka(kafka_sink(tagged), clusters) : std::nullopt;
}

std::string describe(const Tagged& tagged) {
  if (tagged.kind == "kafka") {
    const bool source = tagged.options.find("topics") != nullptr;
    if (source) return fmt::format("kafka {}", fmt::join(kafka_source(tagged).topics, ", "));
    return "kafka " + kafka_sink(tagged).topic;
  }
  if (tagged.kind == "files") {
    return fmt::format("files {}", fmt::join(read_again(file_source_schema(), tagged).path, ", "));
  }
  return tagged.kind;
}

std::vector<std::string> targets(const Tagged& tagged) {
  std::vector<std::string> all;
  if (tagged.kind == "kafka" && tagged.options.find("topics") != nullptr) {
    const KafkaSourceOptions options = kafka_source(tagged);
    for (const std::string& topic : options.topics)
      all.push_back(fmt::format("kafka {}/{}", options.cluster, topic));
  } else if (tagged.kind == "kafka") {
    const KafkaSinkOptions options = kafka_sink(tagged);
    all.push_back(fmt::format("kafka {}/{}", options.cluster, options.topic));
  } else if (tagged.kind == "files") {
    // The field of that name is the same in sources and sinks; one path is a list of one.
    for (const std::string& path : read_again(file_source_schema(), tagged).path)
      all.push_back("files " + std::filesystem::path(path).lexically_normal().string());
  }
  return all;
}

Reread reread_of(const Tagged& source) {
  if (source.kind == "kafka") return {};
  if (source.kind == "files") return {true, ""};  // a restart reads all of it again
  return {false, "standard input cannot be read again after a crash"};
}

std::unique_ptr<Source> make_source(const Tagged& tagged,
                                    const Clusters& clusters,
                                    const KafkaEnvironment& environment) {
  if (tagged.kind == "kafka") {
    KafkaSourceOptions options = kafka_source(tagged);
    const ClusterOptions& cluster = found(clusters, options.cluster);
    return make_kafka_source(cluster, std::move(options), environment);
  }
  if (tagged.kind == "files") return make_file_source(read_again(file_source_schema(), tagged));
  config::check(tagged.kind == "stdio", "every kind of source is made here");
  return make_stdio_source();
}

std::unique_ptr<Sink> make_sink(const Tagged& tagged,
                                const Clusters& clusters,
                                const KafkaEnvironment& environment) {
  if (tagged.kind == "kafka") {
    KafkaSinkOptions options = kafka_sink(tagged);
    const ClusterOptions& cluster = found(clusters, options.cluster);
    return make_kafka_sink(cluster, std::move(options), environment);
  }
  if (tagged.kind == "files") return make_file_sink(read_again(file_sink_schema(), tagged));
  config::check(tagged.kind == "stdio", "every kind of sink is made here");
  return make_stdio_sink();
}

Result<std::unique_ptr<EmbeddedBroker>> EmbeddedBroker::start() {
  auto cluster = EmbeddedCluster::start();
  if (!cluster) return std::move(cluster).error();
  return std::unique_ptr<EmbeddedBroker>(std::make_unique<MockBroker>(*std::move(cluster)));
}

std::vector<std::string> library_versions() {
  const auto version = static_cast<unsigned>(capability().version);
  return {fmt::format(
      "librdkafka {}.{}.{}", version >> 24U, version >> 16U & 0xffU, version >> 8U & 0xffU)};
}

}  // namespace millrace::connectors
