#include "pipeline/tasks/text_input.h"

#include "config/base/limits.h"

#include <string>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace millrace::pipeline {
namespace {

std::string code_of(const Json& input, Pairs pairs) {
  const auto inputs = read_texts(input, pairs);
  return inputs ? "none" : inputs.error().code;
}

TEST(TextInput, takes_a_text) {
  const Json input = "a text";

  const auto inputs = read_texts(input, Pairs::refused);

  ASSERT_TRUE(inputs);
  EXPECT_FALSE(inputs->is_list);
  ASSERT_EQ(inputs->texts.size(), 1U);
  EXPECT_EQ(inputs->texts[0].text, "a text");
  EXPECT_FALSE(inputs->texts[0].pair);
}

TEST(TextInput, takes_a_list_of_every_form) {
  const Json input = Json::parse(R"(["a", {"text": "b", "text_pair": "c"}, [["d", "e"]]])");

  const auto inputs = read_texts(input, Pairs::accepted);

  ASSERT_TRUE(inputs);
  EXPECT_TRUE(inputs->is_list);
  ASSERT_EQ(inputs->texts.size(), 3U);
  EXPECT_FALSE(inputs->texts[0].pair);
  EXPECT_EQ(inputs->texts[1].pair, "c");
  EXPECT_EQ(inputs->texts[2].text, "d");
  EXPECT_EQ(inputs->texts[2].pair, "e");
}

TEST(TextInput, the_old_form_of_a_pair_is_one_input) {
  const Json input = Json::parse(R"([["a", "b"]])");

  const auto inputs = read_texts(input, Pairs::accepted);

  ASSERT_TRUE(inputs);
  EXPECT_FALSE(inputs->is_list);
  EXPECT_EQ(inputs->texts[0].pair, "b");
}

TEST(TextInput, an_empty_list_holds_nothing) {
  const auto inputs = read_texts(Json::array(), Pairs::accepted);

  ASSERT_TRUE(inputs);
  EXPECT_TRUE(inputs->is_list);
  EXPECT_TRUE(inputs->texts.empty());
}

TEST(TextInput, a_second_text_that_is_empty_or_null_is_none) {
  const Json empty = {{"text", "a"}, {"text_pair", ""}};
  const Json null = {{"text", "a"}, {"text_pair", nullptr}};

  EXPECT_FALSE(read_texts(empty, Pairs::accepted)->texts[0].pair);
  EXPECT_FALSE(read_texts(null, Pairs::accepted)->texts[0].pair);
}

TEST(TextInput, what_is_no_text_is_refused) {
  const char* inputs[] = {"null",
                          "7",
                          "true",
                          R"([null])",
                          R"([["a", "b"], ["c", "d"]])",
                          R"({"text_pair": "b"})",
                          R"({"text": 7})",
                          R"({"text": ["a"]})",
                          R"({"text": "a", "text_pair": 7})",
                          R"({"text": "a", "truncation": true})"};
  for (const char* input : inputs)
    EXPECT_EQ(code_of(Json::parse(input), Pairs::accepted), "BAD_INPUT") << input;
}

TEST(TextInput, pairs_are_refused_where_a_task_takes_none) {
  EXPECT_EQ(code_of(Json::parse(R"({"text": "a"})"), Pairs::refused), "BAD_INPUT");
  EXPECT_EQ(code_of(Json::parse(R"([["a", "b"]])"), Pairs::refused), "BAD_INPUT");
}

TEST(TextInput, a_message_never_carries_the_text) {
  const auto inputs = read_texts(Json::parse(R"({"secret": "4711"})"), Pairs::accepted);

  ASSERT_FALSE(inputs);
  EXPECT_THAT(inputs.error().message, testing::HasSubstr("read:"));
  EXPECT_THAT(inputs.error().message, testing::Not(testing::HasSubstr("secret")));
  EXPECT_THAT(inputs.error().message, testing::Not(testing::HasSubstr("4711")));
}

TEST(TextInput, bytes_that_are_no_utf8_are_refused) {
  EXPECT_EQ(code_of(Json("a\xFF"), Pairs::refused), "BAD_UTF8");
}

TEST(TextInput, limits_hold) {
  const std::string many_bytes(config::kMaxTextBytes + 1, 'x');
  const std::string many_code_points(config::kMaxTextCodePoints + 1, 'x');
  const std::string most(config::kMaxTextCodePoints, 'x');
  Json many_texts = Json::array();
  for (std::size_t i = 0; i <= config::kMaxTextsPerRecord; ++i) many_texts.push_back("x");

  EXPECT_EQ(code_of(many_bytes, Pairs::refused), "TOO_LARGE");
  EXPECT_EQ(code_of(many_code_points, Pairs::refused), "TOO_LARGE");
  EXPECT_EQ(code_of(most, Pairs::refused), "none");
  EXPECT_EQ(code_of(many_texts, Pairs::refused), "TOO_MANY_TEXTS");
}

}  // namespace
}  // namespace millrace::pipeline
