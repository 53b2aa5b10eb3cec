#include "worker/flow/dead_letter.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

namespace millrace::worker {
namespace {

connectors::Record record() {
  connectors::Record record;
  record.origin = {"reviews.raw", 3, 42, 7};
  record.key = Bytes::copy_of(std::string("k\0y", 3));
  record.value = Bytes::copy_of("\xff not utf-8");
  record.headers = {{"trace", Bytes::copy_of("1")},
                    {"trace", Bytes()},
                    {"millrace-model", Bytes::copy_of("mine")}};
  record.timestamp_ms = 1234;
  record.timestamp_type = connectors::TimestampType::create;
  return record;
}

Failure failure() {
  return {.error = error(Errc::invalid_input, "BAD_JSON", "line one\nline two"),
          .stage = "score",
          .attempts = 2,
          .first_ms = 10,
          .last_ms = 20,
          .model = "BertModel",
          .revision = "abc",
          .device = "cpu",
          .dtype = "float32",
          .batch = "3 rows"};
}

std::map<std::string, std::string> ours(const connectors::OutRecord& letter) {
  std::map<std::string, std::string> found;
  for (const auto& header : letter.headers) {
    if (header.name.starts_with(kDeadLetterPrefix))
      found[header.name.substr(kDeadLetterPrefix.size())] = header.value.view();
  }
  return found;
}

void expect_as_it_came(const connectors::OutRecord& out) {
  const connectors::Record came = record();
  EXPECT_EQ(out.key, came.key);
  EXPECT_EQ(out.value, came.value);
  EXPECT_EQ(out.timestamp_ms, came.timestamp_ms);
  ASSERT_EQ(out.headers.size(), came.headers.size());
  for (std::size_t i = 0; i < came.headers.size(); ++i) {
    EXPECT_EQ(out.headers[i].name, came.headers[i].name);
    EXPECT_EQ(out.headers[i].value, came.headers[i].value);
  }
}

TEST(DeadLetter, says_where_why_and_with_what) {
  const auto letter = dead_letter(record(), failure(), {.topology = "demo 1", .worker = "w1"});
  const auto headers = ours(letter);
  EXPECT_EQ(headers.at("source"), "reviews.raw/3/42");
  EXPECT_EQ(headers.at("timestamp-type"), "create");
  EXPECT_EQ(headers.at("code"), "BAD_JSON");
  EXPECT_EQ(headers.at("class"), "invalid_input");
  EXPECT_EQ(headers.at("text").find('\n'), std::string::npos);
  EXPECT_EQ(headers.at("stage"), "score");
  EXPECT_EQ(headers.at("model"), "BertModel");
  EXPECT_EQ(headers.at("attempts"), "2");
  EXPECT_EQ(letter.headers.back().name, "millrace-dlq-added");
  EXPECT_EQ(headers.at("added"), std::to_string(letter.headers.size() - 3));
}

TEST(DeadLetter, is_taken_back_bit_by_bit) {
  const auto back = restore(dead_letter(record(), failure(), {}));
  ASSERT_TRUE(back) << back.error().text();
  expect_as_it_came(*back);
}

TEST(DeadLetter, of_a_dead_letter_is_taken_back_one_at_a_time) {
  const auto once = dead_letter(record(), failure(), {.connect_headers = true});
  connectors::Record again = record();
  again.headers = once.headers;
  const auto twice = dead_letter(again, failure(), {});
  const auto back = restore(twice);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->headers.size(), once.headers.size());
  const auto first = restore(*back);
  ASSERT_TRUE(first);
  expect_as_it_came(*first);
}

TEST(DeadLetter, names_what_was_left_out_and_cannot_be_taken_back_then) {
  const auto letter = dead_letter(record(), failure(), {}, DeadLetterValue::omitted);
  EXPECT_TRUE(letter.value.is_null());
  EXPECT_THAT(ours(letter).at("value"), testing::StartsWith("length=11 sha256="));
  EXPECT_EQ(restore(letter).error().code, "VALUE_OMITTED");
}

TEST(DeadLetter, what_is_none_is_refused) {
  connectors::OutRecord plain;
  plain.headers = record().headers;
  EXPECT_EQ(restore(plain).error().code, "NOT_A_DEAD_LETTER");
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

/// The headers behind the first `skip`, in order.
Pairs appended(const connectors::OutRecord& letter, std::size_t skip) {
  Pairs pairs;
  for (std::size_t i = skip; i < letter.headers.size(); ++i) {
    pairs.emplace_back(letter.headers[i].name, letter.headers[i].value.view());
  }
  return pairs;
}

TEST(DeadLetter, appends_exactly_these_headers) {
  const auto letter = dead_letter(record(), failure(), {.topology = "demo 1", .worker = "w1"});
  EXPECT_EQ(appended(letter, record().headers.size()),
            (Pairs{{"millrace-dlq-source", "reviews.raw/3/42"},
                   {"millrace-dlq-timestamp-type", "create"},
                   {"millrace-dlq-code", "BAD_JSON"},
                   {"millrace-dlq-class", "invalid_input"},
                   {"millrace-dlq-text", "line one\\nline two"},
                   {"millrace-dlq-stage", "score"},
                   {"millrace-dlq-topology", "demo 1"},
                   {"millrace-dlq-worker", "w1"},
                   {"millrace-dlq-lease", "7"},
                   {"millrace-dlq-model", "BertModel"},
                   {"millrace-dlq-revision", "abc"},
                   {"millrace-dlq-device", "cpu"},
                   {"millrace-dlq-dtype", "float32"},
                   {"millrace-dlq-batch", "3 rows"},
                   {"millrace-dlq-attempts", "2"},
                   {"millrace-dlq-first", "10"},
                   {"millrace-dlq-last", "20"},
                   {"millrace-dlq-replays", "0"},
                   {"millrace-dlq-added", "19"}}));
}

TEST(DeadLetter, leaves_out_what_is_not_known) {
  connectors::Record bare;
  bare.origin = {"in", 0, 1, 2};
  const Failure plain{.error = error(Errc::unsupported, "BAD_JSON", "no")};
  EXPECT_EQ(appended(dead_letter(bare, plain, {}), 0),
            (Pairs{{"millrace-dlq-source", "in/0/1"},
                   {"millrace-dlq-code", "BAD_JSON"},
                   {"millrace-dlq-class", "unsupported"},
                   {"millrace-dlq-text", "no"},
                   {"millrace-dlq-lease", "2"},
                   {"millrace-dlq-attempts", "1"},
                   {"millrace-dlq-replays", "0"},
                   {"millrace-dlq-added", "8"}}));
}

TEST(DeadLetter, speaks_kafka_connect_when_asked_to) {
  const auto letter = dead_letter(
      record(), failure(), {.topology = "demo 1", .worker = "w1", .connect_headers = true});
  Pairs connect;
  for (const auto& pair : appended(letter, record().headers.size())) {
    if (pair.first.starts_with("__connect.errors.")) connect.push_back(pair);
  }
  EXPECT_EQ(connect,
            (Pairs{{"__connect.errors.topic", "reviews.raw"},
                   {"__connect.errors.partition", "3"},
                   {"__connect.errors.offset", "42"},
                   {"__connect.errors.connector.name", "demo 1"},
                   {"__connect.errors.task.id", "w1"},
                   {"__connect.errors.stage", "score"},
                   {"__connect.errors.class.name", "millrace"},
                   {"__connect.errors.exception.class.name", "BAD_JSON"},
                   {"__connect.errors.exception.message", "line one\\nline two"}}));
  EXPECT_EQ(ours(letter).at("added"), "28");
  EXPECT_EQ(letter.headers.back().name, "millrace-dlq-added");
}

TEST(DeadLetter, carries_the_trace_and_the_number_of_replays_on) {
  connectors::Record replayed = record();
  replayed.headers.push_back({"traceparent", Bytes::copy_of("00-ab-cd-01")});
  replayed.headers.push_back({"millrace-replays", Bytes::copy_of("2")});
  const auto headers = ours(dead_letter(replayed, failure(), {}));
  EXPECT_EQ(headers.at("traceparent"), "00-ab-cd-01");
  EXPECT_EQ(headers.at("replays"), "2");
}

TEST(DeadLetter, keeps_its_text_short_and_harmless) {
  Failure long_one = failure();
  long_one.error.message = std::string(5000, 'x') + "\r\n\x1b[31m";
  const std::string text = ours(dead_letter(record(), long_one, {})).at("text");
  EXPECT_LE(text.size(), 512U);
}

TEST(DeadLetter, of_a_tombstone_without_a_key_comes_back_as_one) {
  connectors::Record tombstone;
  tombstone.origin = {"in", 0, 1, 2};
  const auto back = restore(dead_letter(tombstone, failure(), {}));
  ASSERT_TRUE(back);
  EXPECT_TRUE(back->key.is_null());
  EXPECT_TRUE(back->value.is_null());
  EXPECT_TRUE(back->headers.empty());
  EXPECT_EQ(back->timestamp_ms, -1);
}

TEST(DeadLetter, a_count_that_cannot_be_is_refused) {
  for (const char* count : {"0", "5", "-1", "4x", "", "99999999999999999999999"}) {
    connectors::OutRecord letter;
    letter.headers = record().headers;
    letter.headers.push_back({"millrace-dlq-added", Bytes::copy_of(count)});
    EXPECT_EQ(restore(letter).error().code, "NOT_A_DEAD_LETTER") << count;
  }
}

}  // namespace
}  // namespace millrace::worker
