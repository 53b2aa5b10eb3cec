#pragma once

#include "tests/support/delivery.h"
#include "tests/support/http_get.h"
#include "tests/support/kafka_client.h"
#include "tests/support/kafka_process.h"
#include "tests/support/worker_process.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <signal.h>

namespace millrace::tests {

using namespace std::chrono_literals;

inline std::string source_folder() { return environment("MILLRACE_SOURCE_DIR"); }

/// Two layers, width 32: real tokens, batches and scores at the price of none.
inline std::string tiny_model() { return source_folder() + "/tests/golden/tiny_bert"; }

/// What a topology of these tests varies in; the rest is the same for all.
struct SceneTopology {
  std::string brokers;
  std::string ordering = "partition";
  std::string source_extra;   // more lines of the source
  std::string cluster_extra;  // more fields of the cluster, each with ", " before it
  std::string drain = "20s";
  int batch_items = 32;
  std::string batch_deadline = "20ms";
  int status_port = 0;
};

/// Reads `in`, labels it with the tiny model, writes `out` and `dead`. Short sessions, so that a
/// dead worker is noticed.
inline std::string topology_text(const SceneTopology& scene) {
  return fmt::format(
      "millrace: 1\n"
      "worker: scene\n"
      "clusters:\n"
      "  main: {{brokers: \"{}\"{}}}\n"
      "sources:\n"
      "  in:\n"
      "    kafka: {{cluster: main, topics: [in], group: scene, session_timeout: 2s, "
      "heartbeat_interval: 300ms}}\n"
      "    decode: json\n"
      "    ordering: {}\n"
      "{}"
      "stages:\n"
      "  score:\n"
      "    input: in\n"
      "    pipeline: {{task: text-classification, model: \"{}\"}}\n"
      "    read: /text\n"
      "    batch: {{max_items: {}, deadline: {}}}\n"
      "sinks:\n"
      "  out: {{input: score, kafka: {{cluster: main, topic: out, linger: 1ms}}}}\n"
      "dead_letters: {{kafka: {{cluster: main, topic: dead, linger: 1ms}}}}\n"
      "commit: {{interval: 100ms}}\n"
      "drain: {{timeout: {}}}\n"
      "http: {{port: {}}}\n",
      scene.brokers,
      scene.cluster_extra,
      scene.ordering,
      scene.source_extra,
      tiny_model(),
      scene.batch_items,
      scene.batch_deadline,
      scene.drain,
      scene.status_port);
}

/// What the tiny model says about each text of a feed, by way of `pipe`.
inline Labels expected_labels() {
  std::string lines;
  for (const std::string& text : Feed::texts()) lines += nlohmann::json(text).dump() + "\n";
  const auto answer =
      run_millrace({"pipe", "--task", "text-classification", "--model", tiny_model()}, lines);
  std::istringstream out(answer.out);
  Labels labels;
  for (const std::string& text : Feed::texts()) {
    std::string line;
    std::getline(out, line);
    const auto result = nlohmann::json::parse(line, nullptr, false);
    if (!result.is_object() || !result.contains("label"))
      throw std::runtime_error("no label: " + line + answer.err);
    labels[text] = {result.value("label", ""), result.value("score", 0.0)};
  }
  return labels;
}

/// Feeds a topic from a thread of its own, as fast as the group keeps up: at most `ahead` records
/// are not committed.
class Feeder {
 public:
  Feeder(const std::string& bootstrap, Feed& feed, std::int64_t ahead)
      : thread_([this, bootstrap, &feed, ahead] { run(bootstrap, feed, ahead); }) {}

  ~Feeder() { finish(); }

  Feeder(const Feeder&) = delete;
  Feeder& operator=(const Feeder&) = delete;

  /// Ends feeding. Only now may the feed be looked at.
  void finish() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }

 private:
  static constexpr std::size_t kChunk = 50;

  void run(const std::string& bootstrap, Feed& feed, std::int64_t ahead) {
    KafkaClient client(bootstrap);
    while (!stop_) {
      client.produce("in", feed.next(kChunk));
      wait_until(60s, [&] { return stop_ || client.lag("scene", "in") < ahead; });
    }
  }

  std::atomic<bool> stop_{false};
  std::thread thread_;
};

/// A real broker with the topics `in`, `out` and `dead`, and workers in one group on it.
class Scene {
 public:
  explicit Scene(std::int32_t partitions)
      : kafka(KafkaProcess::start({})), client(std::make_unique<KafkaClient>(kafka->bootstrap())) {
    kafka->create_topic("in", partitions);
    kafka->create_topic("out", 4);
    kafka->create_topic("dead", 1);
    topology.brokers = kafka->bootstrap();
  }

  /// Starts a worker with a log and a status page of its own.
  std::unique_ptr<WorkerProcess> start_worker(const std::string& name) {
    SceneTopology mine = topology;
    mine.status_port = ports[name] = free_port();
    const auto file = folder.path() / (name + ".yaml");
    write_file(file, topology_text(mine));
    return std::make_unique<WorkerProcess>(std::vector<std::string>{"run", file.string()},
                                           std::map<std::string, std::string>{},
                                           log_of(name));
  }

  std::filesystem::path log_of(const std::string& name) const {
    return folder.path() / (name + ".log");
  }

  /// Waits until a worker says that it is ready.
  bool ready(const std::string& name, std::chrono::milliseconds deadline = 30s) {
    return wait_until(deadline, [&] {
      const auto answer = http_get(ports.at(name), "/readyz");
      return answer && answer->status == 200;
    });
  }

  void send(std::size_t count) { client->produce("in", feed.next(count)); }

  /// The number of records that have an outcome which the broker holds, repeats included.
  std::int64_t delivered() { return client->count("out") + client->count("dead"); }

  bool wait_for_delivered(std::int64_t count, std::chrono::milliseconds deadline = 60s) {
    return wait_until(deadline, [&] { return delivered() >= count; });
  }

  /// Waits until everything that was sent is committed.
  bool wait_until_done(std::chrono::milliseconds deadline = 60s) {
    return wait_until(deadline, [&] { return client->lag("scene", "in") == 0; });
  }

  Verdict judge_now(const Labels& labels, Order order = Order::partition) {
    return judge("in", feed.sent(), client->read("out"), client->read("dead"), labels, order);
  }

  std::unique_ptr<KafkaProcess> kafka;
  std::unique_ptr<KafkaClient> client;
  TemporaryFolder folder;
  SceneTopology topology;
  Feed feed{FeedOptions{}};
  std::map<std::string, int> ports;
};

/// Sends a worker away as an operator does; returns its exit code.
inline std::optional<int> stop(WorkerProcess& worker, std::chrono::milliseconds deadline = 30s) {
  worker.signal(SIGTERM);
  return worker.wait(deadline);
}

}  // namespace millrace::tests
