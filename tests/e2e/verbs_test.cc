#include "tests/support/worker_process.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace {
namespace {

using testing::HasSubstr;
using tests::environment;
using tests::run_millrace;

std::string source(const std::string& path) {
  return environment("MILLRACE_SOURCE_DIR") + "/" + path;
}

TEST(Verbs, version_lists_what_this_build_can_do) {
  const auto answer = run_millrace({"version", "--features"});

  EXPECT_EQ(answer.exit_code, 0) << answer.err;
  for (const char* word :
       {"millrace", "librdkafka", "torch", "text-classification", "feature-extraction", "bert"}) {
    EXPECT_THAT(answer.out, HasSubstr(word));
  }
}

TEST(Verbs, help_teaches_the_verbs_and_the_exit_codes) {
  const auto answer = run_millrace({"--help"});

  EXPECT_EQ(answer.exit_code, 0);
  for (const char* word :
       {"run", "pipe", "lint", "graph", "config", "docs", "demo", "version", "70"}) {
    EXPECT_THAT(answer.out, HasSubstr(word));
  }
}

TEST(Verbs, graph_draws_every_edge_in_three_languages) {
  const std::map<std::string, std::string> cluster = {
      {"KAFKA_BROKERS", "127.0.0.1:1"}, {"MILLRACE_SENTIMENT", source("tests/golden/tiny_bert")}};
  for (const auto& [format, mark] :
       {std::pair("text", "at-least-once"), std::pair("mermaid", "-->"), std::pair("dot", "->")}) {
    const auto answer = run_millrace(
        {"graph", "--format", format, source("config/examples/routing.yaml")}, "", cluster);

    EXPECT_EQ(answer.exit_code, 0) << answer.err;
    EXPECT_THAT(answer.out, HasSubstr(mark)) << format;
    for (const char* node :
         {"reviews", "written", "score", "trim", "sure", "praise", "complaints", "people"}) {
      EXPECT_THAT(answer.out, HasSubstr(node)) << format;
    }
  }
}

TEST(Verbs, config_show_says_where_values_come_from_and_hides_secrets) {
  const auto answer =
      run_millrace({"config", "show", "--origin", source("config/examples/secured.yaml")},
                   "",
                   {{"KAFKA_BROKERS", "kafka.example:9093"},
                    {"KAFKA_PASSWORD", "hunter2-hunter2"},
                    {"KAFKA_CA", "/etc/ssl/certs/ca-certificates.crt"},
                    {"MILLRACE_SENTIMENT", source("tests/golden/tiny_bert")}});

  EXPECT_EQ(answer.exit_code, 0) << answer.err;
  EXPECT_THAT(answer.out, HasSubstr("kafka.example:9093"));
  EXPECT_THAT(answer.out, HasSubstr("default"));
  EXPECT_THAT(answer.out + answer.err, testing::Not(HasSubstr("hunter2-hunter2")));
}

TEST(Verbs, docs_prints_what_is_committed) {
  const tests::TemporaryFolder folder;

  const auto answer = run_millrace({"docs", "--out", folder.path().string()});

  EXPECT_EQ(answer.exit_code, 0) << answer.err;
  for (const char* name : {"REFERENCE.md", "millrace.schema.json"}) {
    const std::string fresh = tests::read_file(folder.path() / name);
    EXPECT_GT(fresh.size(), 1000U);
    EXPECT_EQ(fresh, tests::read_file(source("config/generated/" + std::string(name))))
        << "run: millrace docs --out config/generated";
  }
}

}  // namespace
}  // namespace millrace
