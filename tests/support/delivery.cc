#include "tests/support/delivery.h"

#include <cmath>
#include <set>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::tests {
namespace {

using nlohmann::json;

/// A batch's company may move a float32 score by this much on ATen.
constexpr double kScoreTolerance = 1e-5;

/// Builds the verdict of one feed.
class Judge {
 public:
  Judge(const std::string& topic, const std::vector<Sent>& sent, const Labels& labels, Order order)
      : topic_(topic), sent_(sent), labels_(labels), order_(order), copies_(sent.size(), 0) {
    verdict_.sent = sent.size();
  }

  void hear(const Message& message, bool dead) {
    ++verdict_.delivered;
    const json document = json::parse(message.value.value_or(""), nullptr, false);
    const auto id = document.is_object() ? document.value("id", std::int64_t{-1}) : -1;
    if (id < 0 || id >= static_cast<std::int64_t>(sent_.size())) {
      return complain(verdict_.invented, message, "its id was never sent");
    }
    const Sent& sent = sent_[static_cast<std::size_t>(id)];
    if (sent.poison != dead)
      return complain(verdict_.invented, message, "it ended in the wrong topic");
    if (message.key != sent.key) return complain(verdict_.invented, message, "it has another key");
    hear_source(message, sent, dead);
    if (!dead) hear_result(message, sent, document);
    if (++copies_[static_cast<std::size_t>(id)] > 1) {
      ++verdict_.duplicates;
      return;
    }
    hear_order(message, sent, dead);
  }

  Verdict decide() {
    for (std::size_t id = 0; id < sent_.size(); ++id) {
      if (copies_[id] > 0) continue;
      ++verdict_.lost;
      note(fmt::format("lost: {}[{}]@{}", topic_, sent_[id].partition, sent_[id].offset));
    }
    return verdict_;
  }

 private:
  void note(std::string complaint) {
    if (verdict_.first_complaint.empty()) verdict_.first_complaint = std::move(complaint);
  }

  void complain(std::size_t& count, const Message& message, const std::string& what) {
    ++count;
    note(fmt::format("[{}]@{}: {}: {}",
                     message.partition,
                     message.offset,
                     what,
                     message.value.value_or("(null)")));
  }

  void hear_source(const Message& message, const Sent& sent, bool dead) {
    const auto source = message.header(dead ? "millrace-dlq-source" : "millrace-source");
    const auto expected = fmt::format("{}/{}/{}", topic_, sent.partition, sent.offset);
    if (source != expected) complain(verdict_.misplaced, message, "its source is not " + expected);
  }

  void hear_result(const Message& message, const Sent& sent, const json& document) {
    if (document.value("text", std::string()) != sent.text) {
      return complain(verdict_.wrong, message, "it has another text");
    }
    if (labels_.empty()) return;
    const Label& expected = labels_.at(sent.text);
    const json result = document.value("result", json::object());
    const bool same = result.is_object() &&
                      result.value("label", std::string()) == expected.label &&
                      std::abs(result.value("score", -1.0) - expected.score) < kScoreTolerance;
    if (!same)
      complain(
          verdict_.wrong, message, fmt::format("expected {} {}", expected.label, expected.score));
  }

  void hear_order(const Message& message, const Sent& sent, bool dead) {
    const std::string group = order_ == Order::key ? sent.key : std::to_string(sent.partition);
    auto& last = last_[{dead, message.partition, group}];
    if (sent.id < last)
      complain(verdict_.out_of_order, message, fmt::format("it comes after {}", last));
    last = std::max(last, sent.id);
  }

  const std::string& topic_;
  const std::vector<Sent>& sent_;
  const Labels& labels_;
  Order order_;
  std::vector<int> copies_;
  std::map<std::tuple<bool, std::int32_t, std::string>, std::int64_t> last_;
  Verdict verdict_;
};

}  // namespace

Feed::Feed(FeedOptions options) : options_(options), state_(options.seed) {}

std::vector<Message> Feed::next(std::size_t count) {
  std::vector<Message> messages;
  for (std::size_t i = 0; i < count; ++i) {
    state_ =
        state_ * 1664525U + 1013904223U;  // Numerical Recipes' generator: the high bits are good
    const std::uint32_t draw = state_ >> 12U;
    Sent sent;
    sent.id = static_cast<std::int64_t>(sent_.size());
    const int hot_or_any = draw % 4 == 0 ? static_cast<int>(draw / 4 % 3)
                                         : static_cast<int>(draw / 4 % 997) % options_.keys;
    const int key = options_.in_turn ? static_cast<int>(sent.id % options_.keys) : hot_or_any;
    sent.key = fmt::format("key-{}", key);
    sent.partition = static_cast<std::int32_t>(key) % options_.partitions;
    sent.offset = next_offset_[sent.partition]++;
    sent.text = texts()[draw / 16 % texts().size()];
    sent.poison =
        options_.poison_every > 0 && sent.id % options_.poison_every == options_.poison_every - 1;
    json document{{"id", sent.id}, {"text", sent.text}};
    if (sent.poison) document["text"] = 7;
    messages.push_back({.key = sent.key, .value = document.dump(), .partition = sent.partition});
    sent_.push_back(std::move(sent));
  }
  return messages;
}

const std::vector<std::string>& Feed::texts() {
  static const std::vector<std::string> all = {
      "I loved it",
      "Waste of time.",
      "The plot was terrible, but the acting was quite good!",
      "returned 3 broken phones; never again",
      "ok",
      "the battery of this phone is so bad that i returned it, and the next one was worse",
      "best food in a long time",
      "not good, not bad",
      "i would buy it again and again and again",
      "the service was slow",
      "late",
      "they said it works; it does not",
      "great screen, awful sound, fair price",
      "nothing to say",
      "a movie that i could have loved if the end had been another one",
      "never late, always right",
  };
  return all;
}

std::string Verdict::text() const {
  return fmt::format(
      "sent {}, delivered {}, lost {}, duplicates {}, invented {}, misplaced {}, wrong {}, out of "
      "order {}{}{}",
      sent,
      delivered,
      lost,
      duplicates,
      invented,
      misplaced,
      wrong,
      out_of_order,
      first_complaint.empty() ? "" : "; first: ",
      first_complaint);
}

Verdict judge(const std::string& topic,
              const std::vector<Sent>& sent,
              const std::vector<Message>& results,
              const std::vector<Message>& dead_letters,
              const Labels& labels,
              Order order) {
  Judge judge(topic, sent, labels, order);
  for (const Message& message : results) judge.hear(message, false);
  for (const Message& message : dead_letters) judge.hear(message, true);
  return judge.decide();
}

}  // namespace millrace::tests
