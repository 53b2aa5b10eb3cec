#include "config/schema/document.h"

#include "config/base/limits.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace millrace::config {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

YamlOptions options() {
  return {.file = "t.yaml",
          .root = "/root",
          .env = [](const std::string& name) -> std::optional<std::string> {
            if (name == "A") return "alpha";
            if (name == "EMPTY") return "";
            if (name == "BAD") return "\xFF";
            if (name == "NESTED") return "${env:A}";
            return std::nullopt;
          },
          .read_file = [](const std::filesystem::path& path) -> Result<FileText> {
            if (path == "/root/sub/key") return FileText{"relative", false};
            if (path == "/abs/key") return FileText{"absolute", true};
            return error(Errc::not_found, "NO_FILE", "there is no such file");
          }};
}

std::string problems(std::string_view text) {
  Issues issues;
  parse_yaml(text, options(), issues);
  return issues_text(issues);
}

Node parsed(std::string_view text) {
  Issues issues;
  auto node = parse_yaml(text, options(), issues);
  EXPECT_EQ(issues_text(issues), "") << text;
  return node.value_or(Node());
}

std::string as_json(std::string_view text) { return to_json(parsed(text)).dump(); }

TEST(Yaml, knows_where_everything_stands) {
  const Node root = parsed("a: 1\nb:\n  - x\n  - {c: \"y\"}\nd:\n");

  EXPECT_EQ(root.place, (Place{1, 1}));
  EXPECT_EQ(root.find("a")->place, (Place{1, 4}));
  EXPECT_EQ(root.members[1].place, (Place{2, 1}));
  EXPECT_EQ(root.find("b")->items[1].find("c")->place, (Place{4, 9}));
  EXPECT_TRUE(root.find("b")->items[1].find("c")->quoted);
  EXPECT_TRUE(root.find("d")->is_null());
  EXPECT_EQ(root.find("d")->place, (Place{5, 1}));
}

TEST(Yaml, converts_to_json_by_the_core_schema) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"[1, -2, +3, 010, 0x1f, 0o17]", "[1,-2,3,10,31,15]"},
      {"[1.5, -0.5, 1e3, .5, 1., 99999999999999999999]", "[1.5,-0.5,1000.0,0.5,1.0,1e+20]"},
      {"[true, False, TRUE, yes, no, on, y]", R"([true,false,true,"yes","no","on","y"])"},
      {"[null, ~, Null, \"null\", '']", R"([null,null,null,"null",""])"},
      {"[\"1\", '2', !!str 3]", R"(["1","2","3"])"},
      {"[1_000, 1-2, +, -, ., 1e, 0x, 0xg, +-1, inf, nan, 12:30]",
       R"(["1_000","1-2","+","-",".","1e","0x","0xg","+-1","inf","nan","12:30"])"},
      {"a: |\n  5\nb: {}\nc: []", R"({"a":"5\n","b":{},"c":[]})"},
  };

  for (const auto& [text, json] : cases) EXPECT_EQ(as_json(text), json) << text;
}

TEST(Yaml, expands_anchors_and_aliases) {
  EXPECT_EQ(as_json("a: &x {k: [1]}\nb: *x\nc: [*x, &y 2, *y]"),
            R"({"a":{"k":[1]},"b":{"k":[1]},"c":[{"k":[1]},2,2]})");
}

TEST(Yaml, refuses_what_is_not_one_plain_document) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "t.yaml: the file is empty\n"},
      {"# only a comment\n", "t.yaml: the file is empty\n"},
      {"a: \xFF", "t.yaml: not UTF-8: byte 3\n"},
      {"a: \x1b[31m", "t.yaml: a control character: byte 3\n"},
      {"a: 1\nb: 2\na: 3\n", "t.yaml:3:1: repeated key 'a'; it stands first at line 1\n"},
      {"a: {b: 1, b: 2}", "t.yaml:1:11: repeated key 'b'; it stands first at line 1\n"},
      {"a: 1\n---\nb: 2\n",
       "t.yaml:2:1: a second document; one file holds one document; remove the '---'\n"},
      {"x: &b {k: 1}\na:\n  <<: *b\n",
       "t.yaml:3:3: a merge key '<<'; write the keys out; anchors and aliases of whole values are "
       "fine\n"},
      {"a: !custom 1",
       "t.yaml:1:4: the tag '!custom'; values are typed by their option; remove the tag\n"},
      {"a: !!map {}",
       "t.yaml:1:4: the tag 'tag:yaml.org,2002:map'; values are typed by their option; remove the "
       "tag\n"},
      {"a: {{x}}",
       "t.yaml:1:5: a key that is not text; a '{' at the start of a value, as in templates, needs "
       "quotes\n"},
      {"[a]: 1",
       "t.yaml:1:1: a key that is not text; a '{' at the start of a value, as in templates, needs "
       "quotes\n"},
      {"a: &x [*x]", "t.yaml:1:8: an alias inside the value it stands for\n"},
  };

  for (const auto& [text, message] : cases) EXPECT_EQ(problems(text), message) << text;
}

TEST(Yaml, syntax_errors_show_the_line) {
  EXPECT_EQ(problems("a: 1\nb: [1, 2\nc: 3\n").substr(0, 12), "t.yaml:3:2: ");
  EXPECT_THAT(problems("a: 1\n\tb: 2\n"), HasSubstr("not YAML: "));
  EXPECT_THAT(problems("a: 1\n  b: 2\n"), StartsWith("t.yaml:2:4: not YAML: "));
  EXPECT_THAT(problems("a: 1\n  b: 2\n"), HasSubstr("the line is:   b: 2"));
  EXPECT_THAT(problems("a: *gone\n"), StartsWith("t.yaml:1:4: not YAML: "));
}

TEST(Yaml, reports_more_than_one_problem_of_the_text) {
  EXPECT_EQ(problems("a: 1\na: 2\nb: !x 1\n"),
            "t.yaml:2:1: repeated key 'a'; it stands first at line 1\n"
            "t.yaml:3:4: the tag '!x'; values are typed by their option; remove the tag\n");
}

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

std::string list_of(std::size_t count) {
  std::string out = "[";
  for (std::size_t i = 0; i < count; ++i) out += "a,";
  return out + "]";
}

TEST(Yaml, holds_every_limit_exactly) {
  EXPECT_EQ(problems(nested(kMaxYamlDepth)), "");
  EXPECT_THAT(problems(nested(kMaxYamlDepth + 1)), HasSubstr("nested deeper than 32 levels"));
  EXPECT_EQ(problems(list_of(kMaxYamlNodes - 1)), "");
  EXPECT_THAT(problems(list_of(kMaxYamlNodes)),
              HasSubstr("more than 10000 nodes, aliases expanded"));
  std::string aliases = "[&x a,";
  for (std::size_t i = 0; i < kMaxYamlAliases; ++i) aliases += "*x,";
  EXPECT_EQ(problems(aliases + "]"), "");
  EXPECT_THAT(problems(aliases + "*x]"), HasSubstr("more than 100 aliases"));
  EXPECT_EQ(problems("a: \"" + std::string(kMaxYamlBytes - 5, 'x') + "\""), "");
  EXPECT_EQ(problems("a: \"" + std::string(kMaxYamlBytes - 4, 'x') + "\""),
            "t.yaml: expected at most 1048576 bytes, found 1048577\n");
}

TEST(Yaml, refuses_an_alias_bomb_before_it_expands) {
  std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c <= 'j'; ++c) {
    bomb += std::string(1, c) + ": &" + c + " [";
    for (int i = 0; i < 10; ++i) bomb += std::string("*") + static_cast<char>(c - 1) + ",";
    bomb += "]\n";
  }

  EXPECT_EQ(problems(bomb), "t.yaml:4:29: more than 10000 nodes, aliases expanded\n");
}

TEST(Yaml, refuses_depth_made_of_aliases) {
  std::string text = "a0: &a0 [x]\n";
  for (int i = 1; i < 40; ++i) {
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) +
            "]\n";
  }

  EXPECT_THAT(problems(text), HasSubstr("nested deeper than 32 levels"));
}

TEST(Yaml, survives_hostile_shapes) {
  EXPECT_THAT(problems(std::string(1 << 20, '[')), HasSubstr("t.yaml:1:"));
  EXPECT_THAT(problems(std::string(1 << 20, '{')), HasSubstr("t.yaml:1:"));
  std::string dashes;
  for (int i = 0; i < 1000; ++i) dashes += "- ";
  EXPECT_THAT(problems(dashes + "x"), HasSubstr("nested deeper than 32 levels"));
}

TEST(Variables, are_substituted_in_scalars) {
  const Node root = parsed(
      "a: ${env:A}\nb: \"x-${env:A}-${env:A}\"\nc: \"${env:GONE:-default}\"\nd: ${env:EMPTY}\n"
      "e: ${file:sub/key}\nf: \"${file:/abs/key}\"\ng: \"$${env:A}\"\nh: $5\n");

  EXPECT_EQ(root.find("a")->text, "alpha");
  EXPECT_EQ(root.find("a")->substituted, "env A");
  EXPECT_EQ(root.find("a")->written, "${env:A}");
  EXPECT_EQ(root.find("b")->text, "x-alpha-alpha");
  EXPECT_EQ(root.find("c")->text, "default");
  EXPECT_EQ(root.find("d")->text, "");
  EXPECT_EQ(root.find("e")->text, "relative");
  EXPECT_EQ(root.find("f")->text, "absolute");
  EXPECT_EQ(root.find("f")->substituted, "file /abs/key");
  EXPECT_TRUE(root.find("f")->world_readable);
  EXPECT_EQ(root.find("g")->text, "${env:A}");
  EXPECT_EQ(root.find("g")->substituted, "");
  EXPECT_EQ(root.find("h")->text, "$5");
}

TEST(Variables, values_are_never_substituted_again) {
  EXPECT_EQ(parsed("a: ${env:NESTED}").find("a")->text, "${env:A}");
}

TEST(Variables, every_failure_names_its_line) {
  EXPECT_EQ(problems("a: ${env:GONE}\nb: ${file:no/such}\nc: ${foo:x}\nd: ${env:A\n"
                     "e: ${file:../up}\nf: ${env:BAD}\ng: ${env:}\n"),
            "t.yaml:1:4: the environment variable GONE is not set; set it, or write "
            "${env:GONE:-default}\n"
            "t.yaml:2:4: the file no/such cannot be used: there is no such file\n"
            "t.yaml:3:4: unknown variable ${foo:x}; only ${env:NAME} and ${file:path} are known; "
            "write $${ for a literal ${\n"
            "t.yaml:4:4: a variable without its '}'; write $${ for a literal ${\n"
            "t.yaml:5:4: the path ../up leads out of its folder; write an absolute path\n"
            "t.yaml:6:4: the value of env BAD is not UTF-8\n"
            "t.yaml:7:4: unknown variable ${env:}; only ${env:NAME} and ${file:path} are known; "
            "write $${ for a literal ${\n");
}

class Files : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "millrace-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }

  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(std::string_view text, std::filesystem::perms mode) {
    const auto path = folder_ / "file";
    std::ofstream(path) << text;
    std::filesystem::permissions(path, mode);
    return path;
  }

  std::filesystem::path folder_;
};

TEST_F(Files, lose_their_last_newline_and_tell_who_may_read_them) {
  using std::filesystem::perms;

  const auto closed =
      YamlOptions::read_small_file(write("secret\n", perms::owner_read | perms::owner_write));
  const auto open = YamlOptions::read_small_file(
      write("a\nb", perms::owner_read | perms::owner_write | perms::others_read));

  EXPECT_EQ(closed->text, "secret");
  EXPECT_FALSE(closed->world_readable);
  EXPECT_EQ(open->text, "a\nb");
  EXPECT_TRUE(open->world_readable);
}

TEST_F(Files, that_are_no_small_regular_files_are_refused) {
  const auto large = write(std::string(64 * 1024 + 1, 'x'), std::filesystem::perms::owner_all);

  EXPECT_EQ(YamlOptions::read_small_file(folder_ / "gone").error().code, "NO_FILE");
  EXPECT_EQ(YamlOptions::read_small_file(folder_).error().text(),
            "BAD_FILE expected a regular file");
  EXPECT_EQ(YamlOptions::read_small_file("/dev/zero").error().code, "BAD_FILE");
  EXPECT_EQ(YamlOptions::read_small_file(large).error().text(),
            "BAD_FILE expected at most 65536 bytes");
}

}  // namespace
}  // namespace millrace::config
