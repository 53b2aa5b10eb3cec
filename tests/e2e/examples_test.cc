#include "connectors/kafka/embedded.h"
#include "tests/support/kafka_client.h"
#include "tests/support/worker_process.h"

#include <filesystem>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <signal.h>

namespace millrace {
namespace {

using namespace std::chrono_literals;
using connectors::EmbeddedCluster;
using nlohmann::json;
using tests::environment;
using tests::KafkaClient;
using tests::Message;
using tests::wait_until;
using tests::WorkerProcess;

/// An example, what goes in, and the number of records that each topic must have in the end.
struct Example {
  const char* name;
  const char* input;
  std::vector<std::string> values;
  std::map<std::string, std::int64_t> expected;  // a+b: the sum of both
};

void PrintTo(const Example& example, std::ostream* out) { *out << example.name; }

/// Where the real checkpoint is not there, the tiny one takes its place: the same task, other
/// labels.
std::string sentiment() {
  const std::string real = environment("MILLRACE_SENTIMENT");
  return real.empty() ? environment("MILLRACE_SOURCE_DIR") + "/tests/golden/tiny_bert" : real;
}

std::string minilm() {
  const std::string real = environment("MILLRACE_MINILM");
  return real.empty() ? environment("MILLRACE_SOURCE_DIR") + "/tests/golden/tiny_bert" : real;
}

/// A tiny checkpoint of random weights.
std::string golden(const std::string& name) {
  return environment("MILLRACE_SOURCE_DIR") + "/tests/golden/" + name;
}

const std::vector<Example>& examples() {
  static const std::vector<Example> all = {
      {"minimal", "events.in", {"one", "two", "three"}, {{"events.out", 3}, {"events.dead", 0}}},
      {"sentiment",
       "reviews.raw",
       {R"({"text": "I loved it"})", R"({"text": "Waste of time"})", "{broken", R"({"text": 7})"},
       {{"reviews.scored", 2}, {"reviews.dead", 2}}},
      {"embeddings",
       "documents",
       {R"({"body": "How do I return a broken phone?"})",
        R"({"body": "late"})",
        R"({"title": "no body"})"},
       {{"documents.vectors", 2}, {"documents.dead", 1}}},
      {"routing",
       "reviews.raw",
       {R"({"text": "I loved it"})",
        R"({"text": "Waste of time"})",
        R"({"text": ""})",
        R"({"text": "so so"})",
        "[1"},
       {{"reviews.praise+reviews.complaints+reviews.people", 3}, {"reviews.dead", 1}}},
      {"tickets",
       "tickets.new",
       {R"({"text": "the battery broke"})",
        R"({"text": "it was late"})",
        R"({"text": "you took my money"})",
        R"({"text": ""})"},
       {{"tickets.money+tickets.delivery+tickets.others", 3}, {"tickets.dead", 1}}},
      {"entities",
       "sentences",
       {R"({"words": ["the", "phone", "broke"]})", R"({"words": []})", R"({"words": "a text"})"},
       {{"sentences.named", 2}, {"sentences.dead", 1}}},
      {"questions",
       "questions",
       {R"({"id": 7, "question": "what broke", "article": {"body": "The screen broke."}})",
        R"({"id": 8, "question": "", "article": {"body": "The screen broke."}})",
        R"({"id": 9, "question": "what broke"})"},
       {{"questions.answered", 1}, {"questions.dead", 2}}},
      {"moderation",
       "comments.new",
       {R"({"text": "you are awful"})", R"({"text": "well done"})", R"({"txt": "misspelt"})"},
       {{"comments.blocked+comments.held+comments.published", 2}, {"comments.dead", 1}}},
      {"mentions",
       "posts",
       {R"({"text": "the phone of Café Störung broke"})", R"({"text": ""})", R"({"text": 1})"},
       {{"mentions.de+mentions.others", 2}, {"mentions.dead", 1}}},
      {"tokens",
       "documents",
       {R"({"title": "Broken", "body": "the screen broke"})",
        R"({"title": "", "body": "x"})",
        R"({"title": "no body"})"},
       {{"documents.tokens", 2}, {"documents.dead", 1}}},
  };
  return all;
}

std::vector<std::string> split(const std::string& topics) {
  std::vector<std::string> names;
  std::istringstream text(topics);
  for (std::string name; std::getline(text, name, '+');) names.push_back(name);
  return names;
}

std::string example_file(const std::string& name) {
  return environment("MILLRACE_SOURCE_DIR") + "/config/examples/" + name + ".yaml";
}

class Examples : public testing::TestWithParam<Example> {};

TEST_P(Examples, run_on_the_embedded_broker) {
  const Example& example = GetParam();
  auto cluster = EmbeddedCluster::start();
  ASSERT_TRUE(cluster);
  ASSERT_TRUE((*cluster)->create_topic(example.input, 2));
  for (const auto& [topics, count] : example.expected) {
    for (const std::string& topic : split(topics)) ASSERT_TRUE((*cluster)->create_topic(topic, 1));
  }
  KafkaClient client((*cluster)->bootstraps());
  std::vector<Message> messages;
  for (const std::string& value : example.values) messages.push_back({.key = "k", .value = value});
  client.produce(example.input, messages);
  const tests::TemporaryFolder folder;

  WorkerProcess worker({"run", example_file(example.name)},
                       {{"KAFKA_BROKERS", (*cluster)->bootstraps()},
                        {"MILLRACE_SENTIMENT", sentiment()},
                        {"MILLRACE_MINILM", minilm()},
                        {"MILLRACE_NLI", golden("tiny_nli")},
                        {"MILLRACE_NER", golden("tiny_ner")},
                        {"MILLRACE_QA", golden("tiny_qa")},
                        {"MILLRACE_MODERATION", golden("tiny_bert")},
                        {"MILLRACE_LANGUAGE", golden("tiny_bert")}},
                       folder.path() / "log");
  const auto arrived = [&] {
    for (const auto& [topics, count] : example.expected) {
      std::int64_t found = 0;
      for (const std::string& topic : split(topics)) found += client.count(topic);
      if (found != count) return false;
    }
    return true;
  };

  EXPECT_TRUE(wait_until(60s, arrived)) << worker.log();
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait(30s), 0) << worker.log();
  EXPECT_TRUE(arrived()) << worker.log();
}

INSTANTIATE_TEST_SUITE_P(All, Examples, testing::ValuesIn(examples()), [](const auto& one) {
  return std::string(one.param.name);
});

TEST(ExampleArchive, runs_from_file_to_file_and_leaves) {
  const tests::TemporaryFolder folder;

  const auto answer = tests::run_millrace(
      {"run", example_file("archive")},
      "",
      {{"MILLRACE_ARCHIVE", environment("MILLRACE_SOURCE_DIR") + "/deploy/demo/reviews.jsonl"},
       {"MILLRACE_OUT", folder.path().string()},
       {"MILLRACE_SENTIMENT", sentiment()}});

  EXPECT_EQ(answer.exit_code, 0) << answer.err;
  const std::string packed = tests::read_file(folder.path() / "scored.jsonl.gz");
  ASSERT_GT(packed.size(), 1000U);
  EXPECT_EQ(packed.substr(0, 2), "\x1f\x8b");
}

TEST(Examples, are_all_run_by_a_test) {
  std::set<std::string> names = {"archive", "secured"};  // above, and on the real broker
  for (const Example& example : examples()) names.insert(example.name);

  for (const auto& entry : std::filesystem::directory_iterator(environment("MILLRACE_SOURCE_DIR") +
                                                               "/config/examples")) {
    EXPECT_EQ(names.count(entry.path().stem().string()), 1U) << entry.path();
  }
}

}  // namespace
}  // namespace millrace
