#include "tests/support/delivery.h"

#include <algorithm>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace millrace::tests {
namespace {

/// The judge is judged: whatever a broken worker may do must turn a good run red.
class Sabotage : public testing::Test {
 protected:
  Sabotage() {
    feed_.next(200);
    for (const Sent& sent : feed_.sent()) (sent.poison ? dead_ : results_).push_back(outcome(sent));
    for (const std::string& text : Feed::texts()) labels_[text] = {"label of " + text, 0.5};
  }

  Message outcome(const Sent& sent) {
    Message message{.key = sent.key};
    message.offset = sent.offset;
    const auto source = fmt::format("in/{}/{}", sent.partition, sent.offset);
    message.headers = {{sent.poison ? "millrace-dlq-source" : "millrace-source", source}};
    nlohmann::json value{{"id", sent.id}, {"text", sent.text}};
    if (!sent.poison) value["result"] = {{"label", "label of " + sent.text}, {"score", 0.5}};
    message.value = value.dump();
    return message;
  }

  Verdict judge_all(Order order = Order::partition) {
    return judge("in", feed_.sent(), results_, dead_, labels_, order);
  }

  Feed feed_{FeedOptions{.partitions = 3, .keys = 7, .poison_every = 50}};
  std::vector<Message> results_;
  std::vector<Message> dead_;
  Labels labels_;
};

TEST_F(Sabotage, finds_nothing_in_a_good_run) {
  const Verdict verdict = judge_all();

  EXPECT_EQ(verdict.first_complaint, "");
  EXPECT_EQ(verdict.delivered, 200U);
  EXPECT_EQ(verdict.lost + verdict.duplicates + verdict.invented + verdict.misplaced +
                verdict.wrong + verdict.out_of_order,
            0U);
}

TEST_F(Sabotage, is_found_when_a_result_is_dropped) {
  results_.erase(results_.begin() + 17);
  EXPECT_EQ(judge_all().lost, 1U);
}

TEST_F(Sabotage, is_found_when_a_dead_letter_is_dropped) {
  dead_.pop_back();
  EXPECT_EQ(judge_all().lost, 1U);
}

TEST_F(Sabotage, is_found_when_a_result_is_repeated) {
  results_.push_back(results_[5]);
  const Verdict verdict = judge_all();
  EXPECT_EQ(verdict.duplicates, 1U);
  EXPECT_EQ(verdict.out_of_order, 0U);  // a repeat may come late
}

TEST_F(Sabotage, is_found_when_two_results_of_a_key_change_places) {
  const auto twin = std::find_if(results_.begin() + 1, results_.end(), [&](const Message& m) {
    return m.key == results_[0].key;
  });
  std::swap(results_[0], *twin);
  EXPECT_GE(judge_all(Order::key).out_of_order, 1U);
  EXPECT_GE(judge_all(Order::partition).out_of_order, 1U);
}

TEST_F(Sabotage, is_found_when_rows_of_a_batch_change_places) {
  const auto other = std::find_if(results_.begin() + 1, results_.end(), [&](const Message& m) {
    return nlohmann::json::parse(*m.value)["text"] !=
           nlohmann::json::parse(*results_[0].value)["text"];
  });
  auto a = nlohmann::json::parse(*results_[0].value);
  auto b = nlohmann::json::parse(*other->value);
  std::swap(a["result"], b["result"]);
  results_[0].value = a.dump();
  other->value = b.dump();
  EXPECT_EQ(judge_all().wrong, 2U);
}

TEST_F(Sabotage, is_found_when_a_result_has_a_wrong_key) {
  results_[3].key = "somebody else's";
  EXPECT_EQ(judge_all().invented, 1U);
}

TEST_F(Sabotage, is_found_when_the_source_header_is_lost) {
  results_[3].headers.clear();
  EXPECT_EQ(judge_all().misplaced, 1U);
}

TEST_F(Sabotage, is_found_when_a_good_record_ends_as_a_dead_letter) {
  dead_.push_back(results_.back());
  results_.pop_back();
  const Verdict verdict = judge_all();
  EXPECT_EQ(verdict.invented, 1U);
  EXPECT_EQ(verdict.lost, 1U);
}

}  // namespace
}  // namespace millrace::tests
