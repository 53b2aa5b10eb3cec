#include "config/base/log.h"

#include <cstdint>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace millrace::config::log {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;

template <typename Action>
std::string captured(Format format, Action action) {
  testing::internal::CaptureStderr();
  configure(Level::info, format);
  action();
  flush();
  configure(Level::info, Format::text);
  return testing::internal::GetCapturedStderr();
}

TEST(Log, writes_one_line_per_event) {
  const std::string line = captured(Format::text, [] {
    info("started",
         {{"worker", "reviews"},
          {"topic", "a b"},
          {"count", 3},
          {"ratio", 0.5},
          {"ready", true},
          {"empty", ""}});
  });

  EXPECT_THAT(
      line, MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z .*\n"));
  EXPECT_THAT(line,
              EndsWith("Z INFO  started worker=reviews topic=\"a b\" count=3 ratio=0.5 ready=true "
                       "empty=\"\"\n"));
}

TEST(Log, text_from_outside_cannot_forge_a_line) {
  const std::string line = captured(Format::text, [] {
    warn("rejected", {{"key", "x\n2026 ERROR forged \"q\""}});
  });

  EXPECT_THAT(line, EndsWith("WARN  rejected key=\"x\\\\n2026 ERROR forged \\\"q\\\"\"\n"));
}

TEST(Log, json_lines_are_documents) {
  const std::string line = captured(Format::json, [] {
    error("stopped", Error{Errc::denied, "BAD_JSON", "no \"right\"\n to read"});
  });

  const auto document = nlohmann::json::parse(line);
  EXPECT_EQ(document["level"], "error");
  EXPECT_EQ(document["event"], "stopped");
  EXPECT_EQ(document["code"], "BAD_JSON");
  EXPECT_EQ(document["kind"], "denied");
  EXPECT_EQ(document["what"], "no \"right\"\\n to read");
}

TEST(Log, a_long_line_in_json_is_still_a_document) {
  const std::string long_text(300, 'x');
  const std::string line = captured(Format::json, [&] {
    info("many",
         {{"a", long_text},
          {"b", long_text},
          {"c", long_text},
          {"d", long_text},
          {"e", long_text},
          {"f", long_text},
          {"g", long_text},
          {"h", long_text},
          {"i", long_text},
          {"j", long_text},
          {"k", long_text},
          {"l", long_text},
          {"m", long_text},
          {"n", long_text},
          {"o", long_text},
          {"p", long_text},
          {"q", long_text},
          {"r", long_text}});
  });

  EXPECT_LE(line.size(), 4200U);
  EXPECT_EQ(nlohmann::json::parse(line)["event"], "many");
}

TEST(Log, says_nothing_below_its_level) {
  const std::string lines = captured(Format::text, [] { debug("quiet"); });

  EXPECT_EQ(lines, "");
  EXPECT_FALSE(enabled(Level::debug));
  EXPECT_TRUE(enabled(Level::error));
}

}  // namespace
}  // namespace millrace::config::log
