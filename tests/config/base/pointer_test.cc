#include "config/base/pointer.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace millrace::config {
namespace {

Pointer pointer(std::string_view text) { return *Pointer::parse(text); }

TEST(Pointer, finds_every_example_of_rfc_6901) {
  const Json document = Json::parse(
      R"({"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8})");
  const std::vector<std::pair<std::string, Json>> cases = {{"", document},
                                                           {"/foo", {"bar", "baz"}},
                                                           {"/foo/0", "bar"},
                                                           {"/", 0},
                                                           {"/a~1b", 1},
                                                           {"/c%d", 2},
                                                           {"/e^f", 3},
                                                           {"/g|h", 4},
                                                           {"/i\\j", 5},
                                                           {"/k\"l", 6},
                                                           {"/ ", 7},
                                                           {"/m~0n", 8}};

  for (const auto& [text, value] : cases) {
    const Json* found = pointer(text).find(document);
    ASSERT_NE(found, nullptr) << text;
    EXPECT_EQ(*found, value) << text;
    EXPECT_EQ(pointer(text).text(), text);
  }
}

TEST(Pointer, finds_nothing_where_a_step_is_missing) {
  const Json document = Json::parse(R"({"a":[1,2],"b":"text"})");

  for (const char* text :
       {"/c", "/a/2", "/a/01", "/a/-", "/a/x", "/a/+1", "/b/0", "/a/99999999999999999999"}) {
    EXPECT_EQ(pointer(text).find(document), nullptr) << text;
  }
}

TEST(Pointer, refuses_bad_text) {
  EXPECT_EQ(Pointer::parse("foo").error().text(),
            "BAD_POINTER not a JSON Pointer: foo: expected '/' at the start, or nothing for the "
            "whole document");
  EXPECT_EQ(
      Pointer::parse("/a~2").error().text(),
      "BAD_POINTER not a JSON Pointer: /a~2: expected '~0' for '~' or '~1' for '/' after each '~'");
  EXPECT_EQ(Pointer::parse("/a~").error().code, "BAD_POINTER");
}

TEST(Pointer, puts_values_and_makes_objects_on_the_way) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"/result", R"({"a":[1],"result":9})"},
      {"/x/y/z", R"({"a":[1],"x":{"y":{"z":9}}})"},
      {"/a/0", R"({"a":[9]})"},
      {"/a/1", R"({"a":[1,9]})"},
      {"/a/-", R"({"a":[1,9]})"},
      {"/a/-/b", R"({"a":[1,{"b":9}]})"},
      {"", "9"}};

  for (const auto& [text, expected] : cases) {
    Json document = Json::parse(R"({"a":[1]})");
    ASSERT_TRUE(pointer(text).put(document, 9)) << text;
    EXPECT_EQ(document.dump(), expected) << text;
  }
}

TEST(Pointer, refuses_to_write_through_scalars_and_past_the_end) {
  Json document = Json::parse(R"({"a":[1],"s":"text"})");

  EXPECT_EQ(pointer("/s/x").put(document, 1).error().text(),
            "BAD_WRITE /s/x: expected an object or an array before 'x', found string");
  EXPECT_EQ(pointer("/a/3").put(document, 1).error().text(),
            "BAD_WRITE /a/3: expected an index from 0 to 1, found '3'");
  EXPECT_EQ(pointer("/a/01").put(document, 1).error().code, "BAD_WRITE");
  EXPECT_EQ(document.dump(), R"({"a":[1],"s":"text"})");
}

TEST(Pointer, erases_members_and_items_and_says_whether_there_was_one) {
  Json document = Json::parse(R"({"a": {"b": [1, 2, 3], "c": 4}})");

  EXPECT_TRUE(Pointer::parse("/a/b/1")->erase(document));
  EXPECT_TRUE(Pointer::parse("/a/c")->erase(document));
  EXPECT_FALSE(Pointer::parse("/a/c")->erase(document));
  EXPECT_FALSE(Pointer::parse("/a/b/7")->erase(document));
  EXPECT_EQ(document, Json::parse(R"({"a": {"b": [1, 3]}})"));
  EXPECT_TRUE(Pointer().erase(document));
  EXPECT_TRUE(document.is_null());
}

}  // namespace
}  // namespace millrace::config
