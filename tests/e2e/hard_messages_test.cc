#include "connectors/kafka/embedded.h"
#include "tests/support/kafka_client.h"
#include "tests/support/worker_process.h"

#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <signal.h>

// Records that are hard to take because of what surrounds their value: keys, headers, times,
// framings, and none at all. Through the whole binary, from Kafka to Kafka; what a record brings
// along leaves with its result or its dead letter. The numbers are those of the promises about
// records.

namespace millrace {
namespace {

using namespace std::chrono_literals;
using connectors::EmbeddedCluster;
using nlohmann::json;
using testing::HasSubstr;
using tests::KafkaClient;
using tests::Message;
using tests::TemporaryFolder;
using tests::wait_until;
using tests::WorkerProcess;

constexpr std::size_t kMostLogLine = 4096;
constexpr std::int64_t kYear9999 = 253'402'300'799'000;

Message message_of(const std::string& value) { return Message{.key = "k", .value = value}; }

/// What a topology says beside what is the same for all.
struct Variety {
  std::string source;  // more lines of the source
};

std::string topology(const std::string& brokers, const Variety& variety) {
  return fmt::format(
      "millrace: 1\n"
      "worker: hard\n"
      "clusters: {{main: {{brokers: \"{}\"}}}}\n"
      "sources:\n"
      "  in:\n"
      "    kafka: {{cluster: main, topics: [in], group: hard}}\n"
      "    decode: json\n"
      "{}"
      "stages:\n"
      "  score:\n"
      "    input: in\n"
      "    pipeline: {{task: text-classification, model: \"{}/tests/golden/tiny_bert\"}}\n"
      "    read: /text\n"
      "sinks: {{out: {{input: score, kafka: {{cluster: main, topic: out}}}}}}\n"
      "dead_letters: {{kafka: {{cluster: main, topic: dead}}}}\n"
      "commit: {{interval: 100ms}}\n",
      brokers,
      variety.source,
      tests::environment("MILLRACE_SOURCE_DIR"));
}

/// Says in what a record differs from how it was sent; headers of ours may only follow.
std::string difference(const Message& sent, const Message& found) {
  if (found.key != sent.key) return "key";
  if (found.headers.size() < sent.headers.size()) return "number of headers";
  for (std::size_t i = 0; i < sent.headers.size(); ++i) {
    if (found.headers[i] != sent.headers[i]) return "header " + std::to_string(i);
  }
  return "";
}

class HardMessages : public testing::Test {
 protected:
  void SetUp() override {
    auto cluster = EmbeddedCluster::start();
    ASSERT_TRUE(cluster);
    cluster_ = *std::move(cluster);
    for (const char* topic : {"in", "out", "dead"}) ASSERT_TRUE(cluster_->create_topic(topic, 1));
    client_ = std::make_unique<KafkaClient>(cluster_->bootstraps());
  }

  /// Lets a worker do these records, all of them; leaves results, dead letters and its log.
  void process(const std::vector<Message>& messages, const Variety& variety = {}) {
    client_->produce("in", messages);
    const auto file = folder_.path() / "topology.yaml";
    tests::write_file(file, topology(cluster_->bootstraps(), variety));
    WorkerProcess worker(
        {"run", "--log-level", "debug", file.string()}, {}, folder_.path() / "log");
    ASSERT_TRUE(wait_until(60s, [&] { return client_->lag("hard", "in") == 0; })) << worker.log();
    worker.signal(SIGTERM);
    ASSERT_EQ(worker.wait(30s), 0) << worker.log();
    log_ = worker.log();
    results_ = client_->read("out");
    letters_ = client_->read("dead");
  }

  TemporaryFolder folder_;
  std::unique_ptr<EmbeddedCluster> cluster_;
  std::unique_ptr<KafkaClient> client_;
  std::vector<Message> results_;
  std::vector<Message> letters_;
  std::string log_;
};

std::string label_of(const Message& result) {
  const json document = json::parse(result.value.value_or(""), nullptr, false);
  return document.is_object() && document.contains("result") ? document["result"].value("label", "")
                                                             : "";
}

std::vector<Message> null_between_good_ones() {
  return {message_of(R"({"text": "good"})"),
          Message{.key = "gone", .value = std::nullopt, .headers = {{"why", "deleted"}}},
          Message{.key = std::nullopt, .value = std::nullopt},
          message_of(R"({"text": "bad"})")};
}

TEST_F(HardMessages, D1_a_record_without_a_value_passes_with_its_key) {
  process(null_between_good_ones());

  ASSERT_EQ(results_.size(), 4U) << log_;
  EXPECT_NE(label_of(results_[0]), "");
  EXPECT_EQ(results_[1].key, "gone");
  EXPECT_EQ(results_[1].value, std::nullopt);
  EXPECT_EQ(results_[1].header("why"), "deleted");
  EXPECT_EQ(results_[2].key, std::nullopt);
  EXPECT_EQ(results_[2].value, std::nullopt);
  EXPECT_NE(label_of(results_[3]), "");
  EXPECT_TRUE(letters_.empty());
}

TEST_F(HardMessages, D1_a_record_without_a_value_can_end_here) {
  process(null_between_good_ones(), {.source = "    on_null: drop\n"});

  ASSERT_EQ(results_.size(), 2U) << log_;
  EXPECT_NE(label_of(results_[0]), "");
  EXPECT_NE(label_of(results_[1]), "");
  EXPECT_TRUE(letters_.empty());
  EXPECT_THAT(log_, HasSubstr("published=2 filtered=2 dead_lettered=0"));
}

TEST_F(HardMessages, D1_a_record_without_a_value_can_be_a_dead_letter) {
  process(null_between_good_ones(), {.source = "    on_null: dead-letter\n"});

  EXPECT_EQ(results_.size(), 2U) << log_;
  ASSERT_EQ(letters_.size(), 2U) << log_;
  EXPECT_EQ(letters_[0].key, "gone");
  EXPECT_EQ(letters_[0].value, std::nullopt);
  EXPECT_EQ(letters_[0].header("why"), "deleted");
  EXPECT_EQ(letters_[0].header("millrace-dlq-code"), "NULL_VALUE");
  EXPECT_THAT(letters_[0].header("millrace-dlq-text").value_or(""), HasSubstr("on_null"));
}

TEST_F(HardMessages, D6_a_key_that_stands_twice_is_a_dead_letter_where_that_is_asked_for) {
  const std::string twice = R"({"text": "secret", "id": 1, "text": "good"})";
  const std::string deep = R"({"text": "good", "more": [{"a": 1, "a": 1}]})";

  process({message_of(R"({"text": "good", "more": {"text": "b"}})"),
           message_of(twice),
           message_of(deep),
           message_of(R"({"text": "good"})")},
          {.source = "    on_duplicate_key: dead-letter\n"});

  EXPECT_EQ(results_.size(), 2U) << log_;
  ASSERT_EQ(letters_.size(), 2U) << log_;
  EXPECT_EQ(letters_[0].value, twice);
  EXPECT_EQ(letters_[1].value, deep);
  for (const Message& letter : letters_)
    EXPECT_EQ(letter.header("millrace-dlq-code"), "DUPLICATE_KEY");
  EXPECT_THAT(letters_[0].header("millrace-dlq-text").value_or(""),
              testing::AllOf(HasSubstr("byte 28"), testing::Not(HasSubstr("secret"))));
}

/// Good and bad records in turn, with keys and headers that a careless copy would lose.
std::vector<Message> burdened() {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  std::string long_key = "SECRET KEY\n";
  while (long_key.size() < 64 * 1024) long_key += bytes;
  long_key.resize(64 * 1024);
  std::vector<std::pair<std::string, std::optional<std::string>>> many;
  for (int i = 0; i < 1000; ++i) many.emplace_back("h" + std::to_string(i % 300), bytes);
  std::vector<Message> all;
  for (const char* value : {R"({"text": "good"})", R"({"text": 7})"}) {
    all.push_back({.key = std::nullopt, .value = value});
    all.push_back({.key = "", .value = value, .headers = {{"", "no name"}, {"empty", ""}}});
    all.push_back({.key = bytes, .value = value, .headers = {{"null", std::nullopt}}});
    all.push_back({.key = long_key, .value = value, .headers = {{"SECRET HEADER", long_key}}});
    all.push_back({.key = "k", .value = value, .headers = many});
  }
  return all;
}

TEST_F(HardMessages, D15_keys_and_headers_leave_bit_by_bit_as_they_came) {
  const std::vector<Message> sent = burdened();

  process(sent);

  ASSERT_EQ(results_.size(), sent.size() / 2) << log_.substr(0, 2000);
  ASSERT_EQ(letters_.size(), sent.size() / 2);
  for (std::size_t i = 0; i < sent.size() / 2; ++i) {
    EXPECT_EQ(difference(sent[i], results_[i]), "") << i;
    EXPECT_EQ(difference(sent[sent.size() / 2 + i], letters_[i]), "") << i;
  }
  EXPECT_THAT(log_, HasSubstr("dead-lettered"));
  EXPECT_THAT(log_, testing::Not(HasSubstr("SECRET")));
  std::istringstream lines(log_);
  for (std::string line; std::getline(lines, line);)
    EXPECT_LE(line.size(), kMostLogLine) << line.substr(0, 200);
}

TEST_F(HardMessages, D16_times_that_cannot_be_are_passed_on) {
  const std::vector<std::int64_t> times = {1, kYear9999, 4'102'444'800'000};
  std::vector<Message> sent;
  for (const char* value : {R"({"text": "good"})", R"({"text": 7})"}) {
    for (const std::int64_t time : times) {
      sent.push_back(message_of(value));
      sent.back().timestamp_ms = time;
    }
    sent.push_back(message_of(value));
    sent.back().untimed = true;
  }

  process(sent);

  const auto input = client_->read("in");
  ASSERT_EQ(input.size(), sent.size());
  EXPECT_EQ(input[times.size()].timestamp_ms, -1);
  for (const auto& found : {results_, letters_}) {
    ASSERT_EQ(found.size(), times.size() + 1) << log_;
    for (std::size_t i = 0; i < times.size(); ++i) EXPECT_EQ(found[i].timestamp_ms, times[i]);
    // A record without a time gets that of its writing.
    EXPECT_GT(found.back().timestamp_ms, 1'700'000'000'000);
    EXPECT_LT(found.back().timestamp_ms, kYear9999);
  }
}

TEST_F(HardMessages, D17_records_that_are_alike_are_each_answered) {
  constexpr std::size_t kAlike = 300;
  const std::vector<Message> sent(kAlike, message_of(R"({"id": 1, "text": "good"})"));

  process(sent, {.source = "    ordering: key\n"});

  ASSERT_EQ(results_.size(), kAlike) << log_;
  EXPECT_TRUE(letters_.empty());
  for (std::size_t i = 0; i < kAlike; ++i) {
    EXPECT_EQ(results_[i].key, "k");
    EXPECT_EQ(results_[i].header("millrace-source"), fmt::format("in/0/{}", i));
    const json document = json::parse(results_[i].value.value_or(""));
    EXPECT_EQ(document["id"], 1);
    EXPECT_EQ(document["result"]["label"], label_of(results_[0]));
  }
  EXPECT_THAT(log_, HasSubstr("received=300 published=300 filtered=0 dead_lettered=0"));
}

TEST_F(HardMessages, D21_the_framing_of_a_schema_registry_is_recognised) {
  const std::string magic("\0\0\0\x01\x02", 5);
  // An Avro record {"good", −64}, a protobuf message with one string field, JSON with a schema.
  const std::vector<std::string> framed = {magic + "\x08good\x7F",
                                           magic + std::string("\0\x0A\x04good", 7),
                                           magic + "\xFF\xFE\xFD",
                                           magic + R"({"text": "good"})"};
  const std::string unframed = "\x08good";
  std::vector<Message> sent;
  for (const std::string& value : framed) sent.push_back(message_of(value));
  sent.push_back(message_of(unframed));
  sent.push_back(message_of(R"({"text": "good"})"));

  process(sent);

  EXPECT_EQ(results_.size(), 1U) << log_;
  ASSERT_EQ(letters_.size(), framed.size() + 1) << log_;
  for (std::size_t i = 0; i < framed.size(); ++i) {
    EXPECT_EQ(letters_[i].value, framed[i]);
    EXPECT_THAT((std::set<std::string>{"BAD_JSON", "BAD_UTF8"}),
                testing::Contains(letters_[i].header("millrace-dlq-code").value_or("")));
    EXPECT_THAT(letters_[i].header("millrace-dlq-text").value_or(""),
                HasSubstr("looks like Confluent framing"))
        << i;
  }
  EXPECT_THAT(letters_.back().header("millrace-dlq-text").value_or(""),
              testing::Not(HasSubstr("Confluent")));
}

}  // namespace
}  // namespace millrace
