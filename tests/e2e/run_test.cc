#include "connectors/kafka/embedded.h"
#include "tests/support/http_get.h"
#include "tests/support/kafka_client.h"
#include "tests/support/worker_process.h"

#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <signal.h>

namespace millrace {
namespace {

using namespace std::chrono_literals;
using connectors::EmbeddedCluster;
using nlohmann::json;
using testing::HasSubstr;
using tests::environment;
using tests::KafkaClient;
using tests::Message;
using tests::run_millrace;
using tests::TemporaryFolder;
using tests::wait_until;
using tests::WorkerProcess;
using tests::write_file;

std::string tiny_model() { return environment("MILLRACE_SOURCE_DIR") + "/tests/golden/tiny_bert"; }

std::string file_topology(const TemporaryFolder& folder) {
  return fmt::format(
      "millrace: 1\n"
      "worker: archive\n"
      "sources:\n"
      "  lines: {{files: {{path: \"{0}/in.jsonl\"}}, decode: json}}\n"
      "stages:\n"
      "  score:\n"
      "    input: lines\n"
      "    pipeline: {{task: text-classification, model: \"{1}\"}}\n"
      "    read: /text\n"
      "sinks:\n"
      "  scored: {{input: score, files: {{path: \"{0}/out.jsonl\"}}}}\n"
      "dead_letters: {{files: {{path: \"{0}/dead.jsonl\"}}}}\n",
      folder.path().string(),
      tiny_model());
}

/// A worker whose only way out is a topic, so that a broker that is away keeps it from finishing.
std::string copy_topology(const std::string& brokers, const std::string& drain, int port) {
  return fmt::format(
      "millrace: 1\n"
      "worker: copy\n"
      "clusters: {{main: {{brokers: \"{}\"}}}}\n"
      "sources: {{in: {{kafka: {{cluster: main, topics: [in], group: copy}}, decode: bytes}}}}\n"
      "sinks: {{out: {{input: in, encode: bytes, kafka: {{cluster: main, topic: out}}}}}}\n"
      "dead_letters: {{kafka: {{cluster: main, topic: dead}}}}\n"
      "commit: {{interval: 100ms}}\n"
      "drain: {{timeout: {}}}\n"
      "http: {{port: {}}}\n",
      brokers,
      drain,
      port);
}

std::vector<std::string> lines_of(const std::filesystem::path& file) {
  std::vector<std::string> lines;
  std::istringstream text(tests::read_file(file));
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

TEST(Run, takes_files_to_files_in_order_and_leaves_when_it_is_done) {
  const TemporaryFolder folder;
  std::string input;
  for (int i = 0; i < 1000; ++i) {
    const bool broken = i % 100 == 50;
    input += broken ? fmt::format("{{\"id\": {}, \"text\": \n", i)
                    : fmt::format("{{\"id\": {}, \"text\": \"good {}\"}}\n", i, i % 9);
  }
  write_file(folder.path() / "in.jsonl", input);
  write_file(folder.path() / "topology.yaml", file_topology(folder));

  const auto answer = run_millrace({"run", (folder.path() / "topology.yaml").string()});

  EXPECT_EQ(answer.exit_code, 0) << answer.err;
  const auto lines = lines_of(folder.path() / "out.jsonl");
  ASSERT_EQ(lines.size(), 990U) << answer.err;
  int expected = 0;
  for (const std::string& line : lines) {
    const json document = json::parse(line);
    if (expected % 100 == 50) ++expected;
    EXPECT_EQ(document.at("id"), expected++);
    EXPECT_TRUE(document.at("result").at("score").is_number());
  }
  EXPECT_EQ(lines_of(folder.path() / "dead.jsonl").size(), 10U);
}

TEST(Run, leaves_with_2_for_wrong_usage_and_3_for_wrong_configuration) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "topology.yaml";
  write_file(file, "millrace: 1\nworker: [\n");

  EXPECT_EQ(run_millrace({"fly"}).exit_code, 2);
  EXPECT_EQ(run_millrace({"run"}).exit_code, 2);
  EXPECT_EQ(run_millrace({"run", "--no-such-flag", file.string()}).exit_code, 2);
  EXPECT_EQ(run_millrace({"run", (folder.path() / "absent.yaml").string()}).exit_code, 3);
  EXPECT_EQ(run_millrace({"run", file.string()}).exit_code, 3);
  EXPECT_EQ(
      run_millrace({"pipe", "--task", "text-classification", "--model", folder.path().string()})
          .exit_code,
      3);
  EXPECT_EQ(run_millrace({"pipe", "--task", "no-such-task", "--model", tiny_model()}).exit_code, 3);
  EXPECT_EQ(
      run_millrace(
          {"pipe", "--task", "text-classification", "--model", tiny_model(), "--device", "xpu"})
          .exit_code,
      3);
}

TEST(Run, leaves_with_3_when_its_topic_does_not_exist) {
  const auto cluster = EmbeddedCluster::start();
  ASSERT_TRUE(cluster);
  ASSERT_TRUE((*cluster)->create_topic("out", 1));
  ASSERT_TRUE((*cluster)->create_topic("dead", 1));
  const TemporaryFolder folder;
  const auto file = folder.path() / "topology.yaml";
  write_file(file, copy_topology((*cluster)->bootstraps(), "5s", tests::free_port()));
  (*cluster)->set_topic_error("in", 3);  // unknown topic or partition

  const auto answer = run_millrace({"run", file.string()});

  EXPECT_EQ(answer.exit_code, 3) << answer.err;
  EXPECT_THAT(answer.err, HasSubstr("TOPIC_MISSING"));
}

/// A worker on an embedded broker whose results cannot be delivered any more.
class Stuck : public testing::Test {
 protected:
  void start(const std::string& drain) {
    auto cluster = EmbeddedCluster::start();
    ASSERT_TRUE(cluster);
    cluster_ = *std::move(cluster);
    for (const char* topic : {"in", "out", "dead"}) ASSERT_TRUE(cluster_->create_topic(topic, 2));
    client_ = std::make_unique<KafkaClient>(cluster_->bootstraps());
    client_->produce("in",
                     std::vector<Message>(10, Message{.key = "k", .value = "v", .partition = 1}));
    // From here on nothing is taken: not the leader of this partition.
    cluster_->fail_next(connectors::KafkaRequest::produce, std::vector<int>(5000, 6));
    port_ = tests::free_port();
    const auto file = folder_.path() / "topology.yaml";
    write_file(file, copy_topology(cluster_->bootstraps(), drain, port_));
    worker_ = std::make_unique<WorkerProcess>(std::vector<std::string>{"run", file.string()},
                                              std::map<std::string, std::string>{},
                                              folder_.path() / "log");
    ASSERT_TRUE(wait_until(30s, [&] {
      const auto status = tests::http_get(port_, "/status");
      return status && status->body.find("<td>10 (") != std::string::npos;  // in flight
    })) << worker_->log();
  }

  TemporaryFolder folder_;
  std::unique_ptr<EmbeddedCluster> cluster_;
  std::unique_ptr<KafkaClient> client_;
  std::unique_ptr<WorkerProcess> worker_;
  int port_ = 0;
};

TEST_F(Stuck, a_second_sigterm_ends_the_drain_at_once_with_6) {
  start("60s");

  worker_->signal(SIGTERM);
  EXPECT_EQ(worker_->wait(1500ms), std::nullopt) << "there was nothing to drain\n"
                                                 << worker_->log();
  worker_->signal(SIGTERM);

  EXPECT_EQ(worker_->wait(3s), 6) << worker_->log();
  EXPECT_EQ(tests::sum(client_->committed("copy", "in")), 0)
      << "an undelivered record was committed";
}

TEST_F(Stuck, a_drain_that_takes_too_long_ends_with_6) {
  start("1s");

  worker_->signal(SIGTERM);

  EXPECT_EQ(worker_->wait(10s), 6) << worker_->log();
  EXPECT_EQ(tests::sum(client_->committed("copy", "in")), 0)
      << "an undelivered record was committed";
}

TEST_F(Stuck, the_lag_counts_what_is_read_and_not_committed) {
  start("1s");

  EXPECT_TRUE(wait_until(10s, [&] {
    const auto metrics = tests::http_get(port_, "/metrics");
    return metrics &&
           metrics->body.find("worker_source_lag_records{source=\"in\"} 10\n") != std::string::npos;
  })) << tests::http_get(port_, "/metrics")->body;
}

TEST(Run, leaves_with_4_when_its_cluster_is_not_there_in_time) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "topology.yaml";
  write_file(file,
             copy_topology("127.0.0.1:1", "5s", tests::free_port()) + "startup: {deadline: 2s}\n");

  const auto answer = run_millrace({"run", file.string()});

  EXPECT_EQ(answer.exit_code, 4) << answer.err;
  EXPECT_THAT(answer.err, HasSubstr("127.0.0.1:1"));
}

TEST(Run, leaves_with_10_when_the_disk_is_full) {
  const TemporaryFolder folder;
  write_file(folder.path() / "in.jsonl", "{\"text\": \"good\"}\n");
  const auto file = folder.path() / "topology.yaml";
  std::string topology = file_topology(folder);
  const std::string out = folder.path().string() + "/out.jsonl";
  topology.replace(topology.find(out), out.size(), "/dev/full");
  write_file(file, topology);

  const auto answer = run_millrace({"run", file.string()});

  EXPECT_EQ(answer.exit_code, 10) << answer.err;
  EXPECT_THAT(answer.err, HasSubstr("ERROR stopped code=WRITE_FAILED"));
  EXPECT_THAT(answer.err, HasSubstr("/dev/full"));
}

TEST(Run, leaves_with_5_when_the_committed_offset_is_gone) {
  const auto cluster = EmbeddedCluster::start();
  ASSERT_TRUE(cluster);
  for (const char* topic : {"in", "out", "dead"}) ASSERT_TRUE((*cluster)->create_topic(topic, 1));
  KafkaClient client((*cluster)->bootstraps());
  client.produce("in", {Message{.value = "v"}});
  client.commit("copy", "in", {{0, 999}});
  const TemporaryFolder folder;
  const auto file = folder.path() / "topology.yaml";
  write_file(file, copy_topology((*cluster)->bootstraps(), "5s", tests::free_port()));

  const auto answer = run_millrace({"run", file.string()});

  EXPECT_EQ(answer.exit_code, 5) << answer.err;
  EXPECT_THAT(answer.err, HasSubstr("ERROR stopped code=OFFSET_OUT_OF_RANGE"));
  EXPECT_THAT(answer.err, HasSubstr("position is 999"));
}

}  // namespace
}  // namespace millrace
