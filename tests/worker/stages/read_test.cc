#include "worker/stages/read.h"

#include "config/schema/document.h"

#include <string>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace millrace::worker {
namespace {

std::optional<Read> parse(const std::string& yaml, std::string* issues = nullptr) {
  config::Reading reading;
  const auto node = config::parse_yaml(yaml, {}, reading.issues);
  auto read = Read::parse(*node, "read", reading);
  if (issues != nullptr) *issues = config::issues_text(reading.issues);
  return read;
}

std::string read(const std::string& yaml, const std::string& document) {
  const auto how = parse(yaml);
  if (!how) return "not readable";
  const Json json = Json::parse(document);
  Document made;
  const auto value = how->of(json, made);
  return value ? (*value)->dump() : value.error().code;
}

TEST(Read, takes_the_whole_value_or_a_part_of_it) {
  EXPECT_EQ(read("\"\"", "\"text\""), "\"text\"");
  EXPECT_EQ(read("/a/b", R"({"a": {"b": 7}})"), "7");
  EXPECT_EQ(read("/a/c", R"({"a": {"b": 7}})"), "NO_FIELD");
}

TEST(Read, makes_an_object_of_several_parts) {
  EXPECT_EQ(read("{text: /q, text_pair: /c/0}", R"({"q": "a", "c": ["b"]})"),
            R"({"text":"a","text_pair":"b"})");
  EXPECT_EQ(read("{text: /q, text_pair: /none}", R"({"q": "a"})"), "NO_FIELD");
}

TEST(Read, takes_the_first_that_is_there) {
  EXPECT_EQ(read("{first_of: [/title, /body]}", R"({"body": "b"})"), "\"b\"");
  EXPECT_EQ(read("{first_of: [/title, /body]}", "{}"), "NO_FIELD");
}

TEST(Read, says_what_is_wrong_with_it) {
  for (const char* yaml : {"text", "{}", "{first_of: []}", "{first_of: [a]}", "{a: [1]}", "[/a]"}) {
    std::string issues;
    EXPECT_FALSE(parse(yaml, &issues)) << yaml;
    EXPECT_NE(issues, "") << yaml;
  }
}

}  // namespace
}  // namespace millrace::worker
