#include "tests/broker/scene.h"

#include <iostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace {
namespace {

using namespace std::chrono_literals;
using tests::Message;
using tests::Scene;

constexpr std::size_t kRecords = 2000;
constexpr std::size_t kPoisonEvery = 20;

struct Poison {
  const char* what;
  std::optional<std::string> value;
  const char* code;
};

const std::vector<Poison>& poisons() {
  static const std::vector<Poison> all = {
      {"not JSON", std::string("{\"text\": \"unfinished"), "BAD_JSON"},
      {"not UTF-8", std::string("{\"text\": \"\xff\xfe\"}"), "BAD_UTF8"},
      {"another type", std::string("{\"text\": 42}"), "BAD_INPUT"},
      {"null", std::nullopt, "NULL_VALUE"},
  };
  return all;
}

bool is_poison(std::size_t i) { return i % kPoisonEvery == kPoisonEvery - 1; }

const Poison& poison_of(std::size_t i) { return poisons()[i / kPoisonEvery % poisons().size()]; }

/// Everything that a careless copy would lose: zero bytes, bytes that are no text, repeated and
/// null headers, time.
Message record(std::size_t i) {
  const std::string& text = tests::Feed::texts()[i % tests::Feed::texts().size()];
  Message message;
  message.partition = static_cast<std::int32_t>(i % 3);
  if (i % 7 != 0) message.key = std::string("k\0\xff", 3) + std::to_string(i % 11);
  message.value = nlohmann::json{{"id", i}, {"text", text}}.dump();
  if (is_poison(i)) message.value = poison_of(i).value;
  message.headers = {{"trace", std::to_string(i)},
                     {"trace", "again"},
                     {"nothing", std::nullopt},
                     {"empty", ""},
                     {"bytes", std::string("\0\xff\r\n", 4)}};
  message.timestamp_ms = 1'700'000'000'000 + static_cast<std::int64_t>(i);
  return message;
}

/// Says in what a record differs from how it was sent; headers of ours may only follow.
std::string difference(const Message& sent, const Message& found) {
  if (found.key != sent.key) return "key";
  if (found.value != sent.value) return "value";
  if (found.timestamp_ms != sent.timestamp_ms) return "timestamp";
  if (found.headers.size() < sent.headers.size()) return "number of headers";
  for (std::size_t i = 0; i < sent.headers.size(); ++i) {
    if (found.headers[i] != sent.headers[i]) return "header " + sent.headers[i].first;
  }
  return "";
}

std::size_t sent_number(const Message& message) {
  return std::stoul(message.headers.at(0).second.value());
}

TEST(Poison, ends_bit_by_bit_as_dead_letters_and_does_not_touch_its_neighbours) {
  const auto labels = tests::expected_labels();
  Scene scene(3);
  scene.topology.source_extra = "    on_null: dead-letter\n";
  std::vector<Message> sent;
  for (std::size_t i = 0; i < kRecords; ++i) sent.push_back(record(i));
  scene.client->produce("in", sent);

  auto worker = scene.start_worker("first");
  ASSERT_TRUE(scene.wait_for_delivered(static_cast<std::int64_t>(kRecords))) << worker->log();
  ASSERT_TRUE(scene.wait_until_done()) << worker->log();
  ASSERT_EQ(tests::stop(*worker), 0) << worker->log();

  const auto letters = scene.client->read("dead");
  EXPECT_EQ(letters.size(), kRecords / kPoisonEvery);
  std::map<std::string, std::size_t> by_code;
  for (const Message& letter : letters) {
    const std::size_t i = sent_number(letter);
    ASSERT_TRUE(is_poison(i)) << letter.header("millrace-dlq-text").value_or("");
    EXPECT_EQ(difference(sent[i], letter), "") << i;
    const std::size_t added = letter.headers.size() - sent[i].headers.size();
    EXPECT_EQ(letter.headers.back().first, "millrace-dlq-added");
    EXPECT_EQ(letter.headers.back().second, std::to_string(added));
    EXPECT_EQ(letter.header("millrace-dlq-source"), fmt::format("in/{}/{}", i % 3, i / 3));
    EXPECT_EQ(letter.header("millrace-dlq-code"), poison_of(i).code) << poison_of(i).what;
    for (const char* name : {"class",
                             "text",
                             "stage",
                             "topology",
                             "worker",
                             "lease",
                             "attempts",
                             "first",
                             "last",
                             "timestamp-type"}) {
      EXPECT_TRUE(letter.header(std::string("millrace-dlq-") + name)) << name;
    }
    EXPECT_LE(letter.header("millrace-dlq-text").value_or("").size(), 512U);
    ++by_code[letter.header("millrace-dlq-code").value_or("")];
  }
  EXPECT_EQ(by_code.size(), poisons().size());

  const auto results = scene.client->read("out");
  EXPECT_EQ(results.size(), kRecords - kRecords / kPoisonEvery);
  for (const Message& result : results) {
    const std::size_t i = sent_number(result);
    ASSERT_FALSE(is_poison(i));
    EXPECT_EQ(result.key, sent[i].key);
    EXPECT_EQ(result.timestamp_ms, sent[i].timestamp_ms);
    for (std::size_t h = 0; h < sent[i].headers.size(); ++h)
      EXPECT_EQ(result.headers.at(h), sent[i].headers[h]);
    const auto document = nlohmann::json::parse(result.value.value_or(""));
    const auto& expected = labels.at(document.at("text"));
    EXPECT_EQ(document.at("result").at("label"), expected.label);
    EXPECT_NEAR(document.at("result").at("score").get<double>(), expected.score, 1e-5);
  }
  std::cout << fmt::format(
      "{} records, {} results, {} dead letters:", kRecords, results.size(), letters.size());
  for (const auto& [code, count] : by_code) std::cout << " " << code << " " << count;
  std::cout << "\n";
}

}  // namespace
}  // namespace millrace
