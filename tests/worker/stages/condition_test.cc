#include "worker/stages/condition.h"

#include "config/schema/document.h"

#include <string>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace millrace::worker {
namespace {

struct Parsed {
  std::optional<Condition> condition;
  std::string issues;
};

Parsed parse(const std::string& yaml) {
  config::Reading reading;
  const auto node = config::parse_yaml(yaml, {}, reading.issues);
  Parsed parsed;
  if (node) parsed.condition = Condition::parse(*node, "when", reading);
  parsed.issues = config::issues_text(reading.issues);
  return parsed;
}

bool holds(const std::string& yaml,
           const std::string& document,
           const connectors::Record& record = {}) {
  const Parsed parsed = parse(yaml);
  EXPECT_TRUE(parsed.condition) << parsed.issues;
  if (!parsed.condition) return false;
  const Json json = Json::parse(document);
  return parsed.condition->holds(&json, record);
}

struct Sample {
  const char* yaml;
  const char* document;
  bool holds;
};

TEST(Condition, compares_as_its_operator_says) {
  const Sample samples[] = {
      {"{path: /score, ge: 0.8}", R"({"score": 0.8})", true},
      {"{path: /score, ge: 0.8}", R"({"score": 0.79})", false},
      {"{path: /score, ge: 1}", R"({"score": 1.0})", true},
      {"{path: /score, gt: 9007199254740993}", R"({"score": 9007199254740994})", true},
      {"{path: /score, ge: 0.2, lt: 0.8}", R"({"score": 0.8})", false},
      {"{path: /label, eq: POSITIVE}", R"({"label": "POSITIVE"})", true},
      {"{path: /label, ne: POSITIVE}", R"({"label": "NEGATIVE"})", true},
      {"{path: /n, eq: 1}", R"({"n": 1.0})", true},
      {"{path: /n, eq: \"1\"}", R"({"n": 1})", false},
      {"{path: /name, lt: b}", R"({"name": "a"})", true},
      {"{path: /label, in: [a, b]}", R"({"label": "b"})", true},
      {"{path: /label, in: [a, b]}", R"({"label": "c"})", false},
      {"{path: /tags, contains: x}", R"({"tags": ["y", "x"]})", true},
      {"{path: /text, contains: ell}", R"({"text": "hello"})", true},
      {"{path: /text, starts_with: he}", R"({"text": "hello"})", true},
      {"{path: /text, matches: \"^h.l+o$\"}", R"({"text": "hello"})", true},
      {"{path: /text, matches: \"^ÿ\"}", R"({"text": "ÿes"})", true},
      {"{path: /text, empty: true}", R"({"text": ""})", true},
      {"{path: /text, empty: false}", R"({"text": " "})", true},
      {"{path: /text, type: string}", R"({"text": 7})", false},
      {"{path: /text, type: number}", R"({"text": 7})", true},
      {"{path: /a/0/b, eq: 1}", R"({"a": [{"b": 1}]})", true},
      {"{all: [{path: /a, eq: 1}, {path: /b, eq: 2}]}", R"({"a": 1, "b": 2})", true},
      {"{any: [{path: /a, eq: 1}, {path: /b, eq: 2}]}", R"({"a": 0, "b": 0})", false},
      {"{not: {path: /a, eq: 1}}", R"({"a": 2})", true},
  };
  for (const Sample& sample : samples) {
    EXPECT_EQ(holds(sample.yaml, sample.document), sample.holds)
        << sample.yaml << " on " << sample.document;
  }
}

TEST(Condition, what_is_missing_or_of_another_type_holds_for_nothing_but_absence) {
  for (const char* test : {"eq: 1",
                           "ne: 1",
                           "ge: 1",
                           "lt: 1",
                           "in: [1]",
                           "contains: a",
                           "matches: a",
                           "empty: true",
                           "type: \"null\""}) {
    EXPECT_FALSE(holds(std::string("{path: /missing, ") + test + "}", R"({"score": "high"})"))
        << test;
  }
  EXPECT_FALSE(holds("{path: /score, ge: 0.8}", R"({"score": "high"})"));
  EXPECT_TRUE(holds("{path: /missing, exists: false}", "{}"));
  EXPECT_TRUE(holds("{path: /there, exists: true}", R"({"there": null})"));
}

TEST(Condition, looks_at_headers_and_at_the_key) {
  connectors::Record record;
  record.key = Bytes::copy_of("user-7");
  record.headers = {{"lang", Bytes::copy_of("de")},
                    {"lang", Bytes::copy_of("en")},
                    {"raw", Bytes::copy_of("\xff")}};
  EXPECT_TRUE(holds("{header: lang, eq: en}", "{}", record));  // the last one of a name
  EXPECT_FALSE(holds("{header: lang, eq: de}", "{}", record));
  EXPECT_TRUE(holds("{key: true, starts_with: user-}", "{}", record));
  EXPECT_FALSE(holds("{header: raw, matches: \".\"}", "{}", record));  // no text
  EXPECT_TRUE(holds("{header: none, exists: false}", "{}", record));
}

TEST(Condition, a_pattern_that_would_run_for_ever_does_not_match) {
  const std::string text(40, 'a');
  EXPECT_FALSE(holds("{path: /t, matches: \"(a+)+$\"}", R"({"t": ")" + text + R"(!"})"));
}

TEST(Condition, says_what_is_wrong_with_it) {
  const std::pair<const char*, const char*> wrong[] = {
      {"{path: /score, gte: 1}", "unknown operator 'gte'"},
      {"{path: /score}", "without an operator"},
      {"{ge: 1}", "expected one of path, header, key"},
      {"{path: score, ge: 1}", "a JSON Pointer begins with"},
      {"{path: /a, matches: \"(\"}", "cannot be read"},
      {"{path: /a, in: x}", "expects a list"},
      {"{path: /a, type: text}", "one of string"},
      {"{all: [], path: /a}", "stands alone"},
      {"{any: {}}", "a list of conditions"},
      {"score > 1", "expected a condition"}};
  for (const auto& [yaml, message] : wrong) {
    const Parsed parsed = parse(yaml);
    EXPECT_FALSE(parsed.condition) << yaml;
    EXPECT_THAT(parsed.issues, testing::HasSubstr(message)) << yaml;
  }
}

}  // namespace
}  // namespace millrace::worker
