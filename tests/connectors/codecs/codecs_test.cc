#include "connectors/codecs/codecs.h"

#include "config/base/limits.h"

#include <array>
#include <limits>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace millrace::connectors {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Record record_of(Bytes value) {
  Record record;
  record.origin = {"topic", 3, 42, 1};
  record.value = std::move(value);
  return record;
}

Result<Document> decode(std::string_view codec, std::string_view value) {
  return make_codec(codec)->decode(record_of(Bytes::copy_of(value)));
}

/// The code of the error, or "good".
std::string outcome(std::string_view codec, std::string_view value) {
  const auto document = decode(codec, value);
  if (document) return "good";
  EXPECT_EQ(document.error().kind, Errc::invalid_input);
  return document.error().code;
}

std::string encode(std::string_view codec, Json json) {
  const auto bytes = make_codec(codec)->encode(Document(std::move(json)));
  return bytes ? std::string(bytes->view()) : bytes.error().code;
}

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

/// An array that is a document of so many values, itself included.
std::string values(std::size_t count) {
  std::string text = "[";
  for (std::size_t i = 1; i < count; ++i) text += i == 1 ? "0" : ",0";
  return text + "]";
}

/// A JSON string that takes so many bytes, its quotes included.
std::string quoted(std::size_t bytes) { return '"' + std::string(bytes - 2, 'x') + '"'; }

TEST(Codecs, are_found_by_the_names_of_the_table) {
  std::vector<std::string_view> names;
  for (const CodecEntry& entry : codecs()) {
    names.push_back(entry.name);
    EXPECT_NE(make_codec(entry.name), nullptr);
    EXPECT_FALSE(entry.sentence.empty());
  }
  EXPECT_THAT(names, ElementsAre("json", "text", "bytes"));
  EXPECT_EQ(make_codec("avro"), nullptr);
}

class EachCodec : public testing::TestWithParam<std::string> {};

TEST_P(EachCodec, says_where_a_value_is_missing) {
  const auto document = make_codec(GetParam())->decode(record_of(Bytes()));

  ASSERT_FALSE(document);
  EXPECT_EQ(document.error().code, "NULL_VALUE");
  EXPECT_EQ(document.error().kind, Errc::invalid_input);
  EXPECT_THAT(document.error().message, HasSubstr("topic[3]@42"));
}

TEST_P(EachCodec, writes_documents_as_json) {
  EXPECT_EQ(encode(GetParam(), {{"b", 1}, {"a", {true, nullptr, 0.5}}}),
            R"({"b":1,"a":[true,null,0.5]})");
}

TEST_P(EachCodec, writes_vectors_as_numbers) {
  const std::array<float, 3> numbers = {0.1F, -1.0F, 2.5F};

  EXPECT_EQ(encode(GetParam(), config::float_vector(numbers)), "[0.1,-1.0,2.5]");
}

TEST_P(EachCodec, refuses_numbers_that_json_cannot_say) {
  EXPECT_EQ(encode(GetParam(), {{"score", std::numeric_limits<double>::quiet_NaN()}}), "NONFINITE");
  EXPECT_EQ(encode(GetParam(), {{"score", std::numeric_limits<double>::infinity()}}), "NONFINITE");
}

INSTANTIATE_TEST_SUITE_P(Codecs,
                         EachCodec,
                         testing::Values("json", "text", "bytes"),
                         [](const auto& instance) { return instance.param; });

TEST(JsonCodec, gives_back_what_it_was_given) {
  const std::string text = R"({"z":1,"a":"ä€😀","n":[1.5,-2,true,null,{}],"e":"\n\u0000"})";

  const auto document = decode("json", text);

  ASSERT_TRUE(document);
  EXPECT_EQ(make_codec("json")->encode(*document)->view(), text);
}

struct Malformed {
  std::string name;
  std::string value;
  std::string code;
};

void PrintTo(const Malformed& malformed, std::ostream* out) { *out << malformed.name; }

class MalformedJson : public testing::TestWithParam<Malformed> {};

TEST_P(MalformedJson, is_refused_with_its_code) {
  EXPECT_EQ(outcome("json", GetParam().value), GetParam().code);
}

INSTANTIATE_TEST_SUITE_P(Values,
                         MalformedJson,
                         testing::Values(Malformed{"empty", "", "BAD_JSON"},
                                         Malformed{"blank", " \n", "BAD_JSON"},
                                         Malformed{"cut", R"({"text": )", "BAD_JSON"},
                                         Malformed{"byte_order_mark", "\xEF\xBB\xBF{}", "BAD_JSON"},
                                         Malformed{"two_documents", "{} {}", "BAD_JSON"},
                                         Malformed{"trailing_bytes", "{}x", "BAD_JSON"},
                                         Malformed{"comment", "{} // no", "BAD_JSON"},
                                         Malformed{"single_quotes", "{'a': 1}", "BAD_JSON"},
                                         Malformed{"not_a_number", "NaN", "BAD_JSON"},
                                         Malformed{"beyond_double", "1e999", "BAD_JSON"},
                                         Malformed{"lone_continuation", "\"\x80\"", "BAD_UTF8"},
                                         Malformed{"overlong", "\"\xC0\xAF\"", "BAD_UTF8"},
                                         Malformed{
                                             "surrogate_bytes", "\"\xED\xA0\x80\"", "BAD_UTF8"},
                                         Malformed{"cut_character", "\"\xE2\x82\"", "BAD_UTF8"}),
                         [](const auto& instance) { return instance.param.name; });

TEST(JsonCodec, names_the_byte_where_it_stopped) {
  EXPECT_THAT(decode("json", R"({"a": 1, b})").error().message, HasSubstr("9"));
}

TEST(JsonCodec, nests_as_deep_as_its_limit) {
  EXPECT_EQ(outcome("json", nested(config::kMaxJsonDepth - 1)), "good");
  EXPECT_EQ(outcome("json", nested(config::kMaxJsonDepth)), "good");
  EXPECT_EQ(outcome("json", nested(config::kMaxJsonDepth + 1)), "TOO_DEEP");
  EXPECT_EQ(outcome("json", std::string(1'000'000, '[')), "TOO_DEEP");
}

TEST(JsonCodec, holds_as_many_values_as_its_limit) {
  EXPECT_EQ(outcome("json", values(config::kMaxJsonNodes - 1)), "good");
  EXPECT_EQ(outcome("json", values(config::kMaxJsonNodes)), "good");
  EXPECT_EQ(outcome("json", values(config::kMaxJsonNodes + 1)), "TOO_MANY_NODES");
}

TEST(JsonCodec, is_as_large_as_its_limit) {
  EXPECT_EQ(outcome("json", quoted(config::kMaxRecordValueBytes - 1)), "good");
  EXPECT_EQ(outcome("json", quoted(config::kMaxRecordValueBytes)), "good");
  EXPECT_EQ(outcome("json", quoted(config::kMaxRecordValueBytes + 1)), "TOO_LARGE");
}

TEST(JsonCodec, recognises_the_framing_of_a_schema_registry) {
  const std::string framed("\0\0\0\0\x07{\"a\":1}", 12);

  EXPECT_THAT(decode("json", framed).error().message, HasSubstr("Confluent framing"));
  EXPECT_THAT(decode("json", "{\"a\":").error().message, Not(HasSubstr("Confluent")));
}

TEST(JsonCodec, lets_the_last_key_count_or_refuses_it) {
  const auto record = record_of(Bytes::copy_of(R"({"a":1,"a":2})"));

  const auto lax = make_codec("json")->decode(record);
  const auto strict =
      make_codec("json", {.repeated_keys = config::RepeatedKeys::refused})->decode(record);

  ASSERT_TRUE(lax);
  EXPECT_EQ((**lax).dump(), R"({"a":2})");
  ASSERT_FALSE(strict);
  EXPECT_EQ(strict.error().code, "DUPLICATE_KEY");
}

TEST(JsonCodec, refuses_bytes_in_a_document) {
  EXPECT_EQ(encode("json", {{"image", Json::binary({1, 2, 3})}}), "BINARY");
}

TEST(JsonCodec, does_not_hand_values_through) {
  EXPECT_FALSE(make_codec("json")->is_transparent());
}

TEST(TextCodec, makes_one_string_of_the_value_and_back) {
  const std::string text = "\xEF\xBB\xBFZeile 1\nZeile \"2\"\t\xF0\x9F\x98\x80";

  const auto document = decode("text", text);

  ASSERT_TRUE(document);
  EXPECT_EQ((*document)->get<std::string>(), text);
  EXPECT_EQ(make_codec("text")->encode(*document)->view(), text);
}

TEST(TextCodec, an_empty_value_is_an_empty_text) {
  const auto document = decode("text", "");

  ASSERT_TRUE(document);
  EXPECT_EQ(**document, Json(""));
}

TEST(TextCodec, refuses_what_is_not_utf8_and_says_where) {
  const auto document = decode("text", "ab\xFF");

  ASSERT_FALSE(document);
  EXPECT_EQ(document.error().code, "BAD_UTF8");
  EXPECT_THAT(document.error().message, HasSubstr("byte 2"));
}

TEST(TextCodec, is_as_large_as_its_limit) {
  EXPECT_EQ(outcome("text", std::string(config::kMaxRecordValueBytes - 1, 'x')), "good");
  EXPECT_EQ(outcome("text", std::string(config::kMaxRecordValueBytes, 'x')), "good");
  EXPECT_EQ(outcome("text", std::string(config::kMaxRecordValueBytes + 1, 'x')), "TOO_LARGE");
}

TEST(BytesCodec, hands_any_bytes_through) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);

  const auto document = decode("bytes", all);

  ASSERT_TRUE(document);
  EXPECT_TRUE((*document)->is_binary());
  EXPECT_EQ(make_codec("bytes")->encode(*document)->view(), all);
  EXPECT_TRUE(make_codec("bytes")->is_transparent());
}

TEST(BytesCodec, an_empty_value_is_not_a_missing_one) {
  const auto document = decode("bytes", "");

  ASSERT_TRUE(document);
  const auto bytes = make_codec("bytes")->encode(*document);
  EXPECT_FALSE(bytes->is_null());
  EXPECT_TRUE(bytes->empty());
}

TEST(BytesCodec, writes_a_string_without_quotes) { EXPECT_EQ(encode("bytes", "plain"), "plain"); }

}  // namespace
}  // namespace millrace::connectors
