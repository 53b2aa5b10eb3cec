#include "config/base/json.h"

#include <chrono>
#include <limits>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace millrace::config {
namespace {

Json parsed(std::string_view text) {
  auto json = parse_json(text, JsonLimits::record());
  if (!json) ADD_FAILURE() << text << ": " << json.error().text();
  return json ? *std::move(json) : Json();
}

std::string refusal(std::string_view text, JsonLimits limits = JsonLimits::record()) {
  const auto json = parse_json(text, limits);
  return json ? "accepted" : json.error().text();
}

std::string written(const Json& json) {
  std::string out;
  const auto result = write_json(json, out);
  return result ? out : result.error().text();
}

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(Json, writes_back_what_it_read) {
  const std::vector<std::string> documents = {"null",
                                              "true",
                                              "false",
                                              "0",
                                              "-1",
                                              "18446744073709551615",
                                              "-9223372036854775808",
                                              "1.5",
                                              "\"\"",
                                              "[]",
                                              "{}",
                                              "[1,[2,[3,[]]],{}]",
                                              R"({"b":1,"a":{"c":[null,true,"x"]}})",
                                              "\"caf\u00e9 \u4e2d \U0001F600\"",
                                              R"("\"\\\n\r\t\b\f\u0000\u001f")",
                                              R"(["/","0123456\"89"])"};

  for (const std::string& text : documents) EXPECT_EQ(written(parsed(text)), text);
}

TEST(Json, accepts_white_space_and_every_escape) {
  EXPECT_EQ(written(parsed(" \t\r\n{ \"a\" : [ 1 , 2 ] } \n")), R"({"a":[1,2]})");
  EXPECT_EQ(parsed(R"("\u0041\u00e9\u4e2d\ud83d\ude00\/")").get<std::string>(),
            "A\u00e9\u4e2d\U0001F600/");
}

TEST(Json, keeps_the_order_of_keys) {
  EXPECT_EQ(written(parsed(R"({"z":1,"a":2,"m":3})")), R"({"z":1,"a":2,"m":3})");
}

TEST(Json, last_of_repeated_keys_wins_in_the_place_of_the_first) {
  std::string many = "{";
  for (int i = 0; i < 50; ++i) many += "\"k" + std::to_string(i) + "\":" + std::to_string(i) + ",";
  many += "\"k0\":\"last\"}";

  EXPECT_EQ(written(parsed(R"({"a":1,"b":2,"a":3})")), R"({"a":3,"b":2})");
  EXPECT_EQ(parsed(many).size(), 50U);
  EXPECT_EQ(parsed(many).begin().value(), "last");
}

TEST(Json, refuses_what_is_not_a_document) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "BAD_JSON not a JSON document: byte 0: expected a value"},
      {"  ", "BAD_JSON not a JSON document: byte 2: expected a value"},
      {"nul", "BAD_JSON not a JSON document: byte 0: expected a value"},
      {"NaN", "BAD_JSON not a JSON document: byte 0: expected a value"},
      {"Infinity", "BAD_JSON not a JSON document: byte 0: expected a value"},
      {"-Infinity", "BAD_JSON not a JSON document: byte 0: expected a value"},
      {"\xEF\xBB\xBF{}", "BAD_JSON not a JSON document: byte 0: expected a value"},
      {"{} {}",
       "BAD_JSON not a JSON document: byte 3: expected one document, found more text after it"},
      {"[1,]", "BAD_JSON not a JSON document: byte 3: expected a value"},
      {"[1 2]", "BAD_JSON not a JSON document: byte 3: expected ',' or ']' in an array"},
      {"[1}", "BAD_JSON not a JSON document: byte 2: expected ',' or ']' in an array"},
      {"{\"a\" 1}", "BAD_JSON not a JSON document: byte 5: expected ':' after a key"},
      {"{\"a\":1,}", "BAD_JSON not a JSON document: byte 7: expected a key in quotes"},
      {"{a:1}", "BAD_JSON not a JSON document: byte 1: expected a key in quotes"},
      {"[", "BAD_JSON not a JSON document: byte 1: expected a value"},
      {"{\"a\":1", "BAD_JSON not a JSON document: byte 6: expected ',' or '}' in an object"},
      {"\"abc", "BAD_JSON not a JSON document: byte 4: expected '\"' at the end of a string"},
      {"\"a\nb\"",
       "BAD_JSON not a JSON document: byte 2: expected control characters in strings to be "
       "escaped"},
      {"\"\\x\"", "BAD_JSON not a JSON document: byte 2: expected an escape of JSON after '\\'"},
      {"\"\\u12g4\"", "BAD_JSON not a JSON document: byte 3: expected four hexadecimal digits"},
      {"\"\\u-123\"", "BAD_JSON not a JSON document: byte 3: expected four hexadecimal digits"},
      {"\"\\ud800\"",
       "BAD_JSON not a JSON document: byte 7: expected the second half of a surrogate pair"},
      {"\"\\udc00\"", "BAD_JSON not a JSON document: byte 7: expected no lone surrogate"},
      {"01",
       "BAD_JSON not a JSON document: byte 1: expected one document, found more text after it"},
      {"+1", "BAD_JSON not a JSON document: byte 0: expected a value"},
      {"1.", "BAD_JSON not a JSON document: byte 0: expected a digit after the decimal point"},
      {"1e", "BAD_JSON not a JSON document: byte 0: expected a digit in the exponent"},
      {".5", "BAD_JSON not a JSON document: byte 0: expected a value"},
      {"1e999", "BAD_JSON not a JSON document: byte 0: expected a number within double range"},
      {"[-1e999]", "BAD_JSON not a JSON document: byte 1: expected a number within double range"},
      {std::string("[\0]", 3), "BAD_JSON not a JSON document: byte 1: expected a value"},
      {"\"\xC0\xAF\"", "BAD_UTF8 not UTF-8: byte 1"},
      {"{\"a\":\"\xED\xA0\x80\"}", "BAD_UTF8 not UTF-8: byte 6"},
  };

  for (const auto& [text, message] : cases) EXPECT_EQ(refusal(text), message) << text;
}

TEST(Json, holds_every_limit_exactly) {
  const JsonLimits small{.max_bytes = 10, .max_depth = 3, .max_nodes = 4};

  EXPECT_EQ(refusal("[1,2,3]", small), "accepted");
  EXPECT_EQ(refusal("[1,2,3,4]", small), "TOO_MANY_NODES too many values: byte 7: the limit is 4");
  EXPECT_EQ(refusal("[[[1]]]", small), "accepted");
  EXPECT_EQ(refusal("[[[[1]]]]", small), "TOO_DEEP nested too deeply: byte 3: the limit is 3");
  EXPECT_EQ(refusal("\"12345678\"", small), "accepted");
  EXPECT_EQ(refusal("\"123456789\"", small),
            "TOO_LARGE too many bytes: expected at most 10, found 11");
}

TEST(Json, refuses_hostile_nesting_without_recursion) {
  EXPECT_EQ(refusal(nested(64)), "accepted");
  EXPECT_EQ(refusal(nested(65)), "TOO_DEEP nested too deeply: byte 64: the limit is 64");
  EXPECT_EQ(refusal(std::string(1 << 20, '[')),
            "TOO_DEEP nested too deeply: byte 64: the limit is 64");
}

TEST(Json, reads_a_wide_object_in_linear_time) {
  std::string text = "{";
  for (int i = 0; i < 99'000; ++i) text += "\"k" + std::to_string(i) + "\":0,";
  text += "\"end\":0}";

  const auto start = std::chrono::steady_clock::now();
  const auto json = parse_json(text, JsonLimits::record());
  const auto took = std::chrono::steady_clock::now() - start;

  ASSERT_TRUE(json) << json.error().text();
  EXPECT_EQ(json->size(), 99'001U);
  // A search along the object for each key would take five billion steps.
  EXPECT_LT(took, std::chrono::seconds(5));
}

TEST(Json, refuses_a_key_that_stands_twice_where_keys_are_unique) {
  const auto refusal_of = [](const std::string& text) {
    const auto json = parse_json(text, JsonLimits::record(), RepeatedKeys::refused);
    return json ? "accepted" : json.error().text();
  };
  const auto at = [](int byte) {
    return "DUPLICATE_KEY a key stands twice in one object: byte " + std::to_string(byte) + ":";
  };
  std::string wide = "{";
  for (int i = 0; i < 40; ++i) wide += "\"k" + std::to_string(i) + "\":0,";

  EXPECT_THAT(refusal_of(R"({"a":1, "a":2})"), testing::StartsWith(at(8)));
  EXPECT_THAT(refusal_of(R"({"a":1,"b":2,"b":3,"a":4})"), testing::StartsWith(at(13)));
  EXPECT_THAT(refusal_of(R"([{"a":{"b":1}},{"a":{"c":1,"\u0063":1}}])"),
              testing::StartsWith(at(27)));
  EXPECT_THAT(refusal_of(wide + "\"k7\":1}"),
              testing::StartsWith(at(static_cast<int>(wide.size()))));
  EXPECT_EQ(refusal_of(R"([{"a":1},{"a":{"a":[{"a":2},{"a":3}]}}, {"": 1, "A": 2, "a": 3}])"),
            "accepted");
  EXPECT_EQ(refusal_of(wide + "\"k40\":1}"), "accepted");
}

TEST(Json, reads_numbers_as_python_does) {
  EXPECT_EQ(parsed("-0").dump(), "0");
  EXPECT_TRUE(parsed("18446744073709551615").is_number_unsigned());
  EXPECT_TRUE(parsed("-5").is_number_integer());
  EXPECT_EQ(parsed("18446744073709551616").get<double>(), 18446744073709551616.0);
  EXPECT_EQ(parsed("1e-999").get<double>(), 0.0);
  EXPECT_EQ(parsed("0." + std::string(400, '0') + "1").get<double>(), 0.0);
  EXPECT_EQ(refusal("1" + std::string(400, '0')),
            "BAD_JSON not a JSON document: byte 0: expected a number within double range");
  EXPECT_EQ(parsed("4.9e-324").get<double>(), 4.9e-324);
  EXPECT_EQ(parsed("1.7976931348623157e308").get<double>(), std::numeric_limits<double>::max());
}

TEST(Json, writes_doubles_as_python_does) {
  // repr() of CPython 3.11.
  const std::vector<std::pair<double, std::string>> cases = {
      {0.0, "0.0"},
      {-0.0, "-0.0"},
      {1.0, "1.0"},
      {-1.5, "-1.5"},
      {0.1, "0.1"},
      {0.30000000000000004, "0.30000000000000004"},
      {100.0, "100.0"},
      {123456.789, "123456.789"},
      {1e15, "1000000000000000.0"},
      {1e16, "1e+16"},
      {1.5e16, "1.5e+16"},
      {9007199254740993.0, "9007199254740992.0"},
      {0.0001, "0.0001"},
      {0.00012, "0.00012"},
      {0.00001, "1e-05"},
      {1.5e-5, "1.5e-05"},
      {1e22, "1e+22"},
      {1e100, "1e+100"},
      {5e-324, "5e-324"},
      {1.7976931348623157e308, "1.7976931348623157e+308"},
      {0.9998656511306763, "0.9998656511306763"}};

  for (const auto& [value, text] : cases) EXPECT_EQ(written(value), text);
}

TEST(Json, refuses_to_write_what_json_cannot_say) {
  EXPECT_EQ(written(std::numeric_limits<double>::quiet_NaN()),
            "NONFINITE a number to be written is NaN or infinite");
  EXPECT_EQ(written(Json{{"a", std::numeric_limits<double>::infinity()}}),
            "NONFINITE a number to be written is NaN or infinite");
  EXPECT_EQ(written(Json::binary({1, 2, 3})),
            "BINARY a binary value of 3 bytes cannot be written as JSON; take it out first");
  EXPECT_EQ(written("ab\xFF"), "BAD_UTF8 a text to be written is not UTF-8: byte 2");
  EXPECT_THROW(to_text(std::numeric_limits<double>::quiet_NaN()), Bug);
}

TEST(Json, writing_stops_at_a_depth_of_512) {
  Json deep = 1;
  for (int i = 0; i < 600; ++i) deep = Json::array({std::move(deep)});

  EXPECT_EQ(written(deep), "TOO_DEEP nested too deeply to be written: the limit is 512");
}

TEST(FloatVector, is_written_as_the_shortest_float32_numbers) {
  const std::vector<float> values = {0.1F, 1.0F, -0.5F, 1e-5F, 3.4028235e38F, 16777216.0F};

  const Json vector = float_vector(values);

  EXPECT_EQ(written(Json{{"v", vector}}), R"({"v":[0.1,1.0,-0.5,1e-05,3.4028235e+38,16777216.0]})");
  EXPECT_EQ(written(float_vector({})), "[]");
}

TEST(FloatVector, can_be_viewed_again) {
  const std::vector<float> values = {1.0F, 2.5F};
  const Json vector = float_vector(values);

  const auto view = float_vector_view(vector);

  EXPECT_EQ(std::vector<float>(view.begin(), view.end()), values);
  EXPECT_TRUE(float_vector_view(Json(1)).empty());
  EXPECT_TRUE(float_vector_view(Json::binary({1, 2, 3, 4})).empty());
}

TEST(FloatVector, refuses_nan) {
  const std::vector<float> values = {std::numeric_limits<float>::quiet_NaN()};

  EXPECT_EQ(written(float_vector(values)), "NONFINITE a number to be written is NaN or infinite");
}

TEST(Document, owns_its_json) {
  Document document(Json{{"a", 1}});
  Document copy = document.clone();

  (*copy)["a"] = 2;

  EXPECT_EQ((*document)["a"], 1);
  EXPECT_EQ((*copy)["a"], 2);
  EXPECT_FALSE(Document().has_value());
  EXPECT_FALSE(Document().clone().has_value());
}

}  // namespace
}  // namespace millrace::config
