#include "tests/support/worker_process.h"

#include <gmock/gmock.h>

namespace millrace {
namespace {

using tests::run_millrace;

std::filesystem::path tree() { return tests::environment("MILLRACE_SOURCE_DIR"); }

TEST(Generated, pages_in_the_tree_are_what_the_declaration_says) {
  const tests::TemporaryFolder folder;

  const auto written = run_millrace({"docs", "--out", folder.path().string()});

  ASSERT_EQ(written.exit_code, 0) << written.err;
  for (const char* file : {"REFERENCE.md", "TASKS.md", "millrace.schema.json"}) {
    EXPECT_EQ(tests::read_file(tree() / "config/generated" / file),
              tests::read_file(folder.path() / file))
        << file << " is stale: run `millrace docs --out config/generated`";
  }
}

TEST(ConfigShow, prints_what_reads_back_the_same_and_says_where_it_came_from) {
  const tests::TemporaryFolder folder;
  const auto first = (folder.path() / "first.yaml").string();
  const auto second = (folder.path() / "second.yaml").string();
  tests::write_file(first,
                    "millrace: 1\nworker: w\nclusters: {main: {brokers: \"${env:TEST_BROKERS}\", "
                    "auth: {sasl: plain, user: u, "
                    "password: \"${env:TEST_PASSWORD}\"}, tls: {}}}\n"
                    "sources: {s: {kafka: {cluster: main, topics: a, group: g}, decode: bytes}}\n"
                    "sinks: {o: {input: s, kafka: {cluster: main, topic: b}}}\n"
                    "dead_letters: {drop: true}\n");
  const std::map<std::string, std::string> environment = {{"TEST_BROKERS", "b.example:9093"},
                                                          {"TEST_PASSWORD", "hunter2"}};

  const auto shown = run_millrace({"config", "show", first}, "", environment);
  const auto origins = run_millrace({"config", "show", "--origin", first}, "", environment);

  ASSERT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_THAT(shown.out, testing::Not(testing::HasSubstr("hunter2")));
  EXPECT_THAT(origins.out, testing::HasSubstr("env TEST_BROKERS"));
  EXPECT_THAT(origins.out, testing::HasSubstr("first.yaml:4"));
  EXPECT_THAT(origins.out, testing::HasSubstr("default"));
  tests::write_file(second, shown.out);
  EXPECT_EQ(run_millrace({"config", "show", second}, "", environment).out, shown.out);
}

TEST(Graph, is_drawn_in_three_forms) {
  const auto file = (tree() / "config/examples/routing.yaml").string();
  const std::map<std::string, std::string> environment = {
      {"KAFKA_BROKERS", "localhost:9092"},
      {"MILLRACE_SENTIMENT", tests::environment("MILLRACE_SENTIMENT")}};
  for (const auto& [format, word] : std::map<std::string, std::string>{
           {"text", "sure.positive"}, {"mermaid", "flowchart LR"}, {"dot", "digraph"}}) {
    const auto drawn = run_millrace({"graph", "--format", format, file}, "", environment);
    EXPECT_EQ(drawn.exit_code, 0) << drawn.err;
    EXPECT_THAT(drawn.out, testing::HasSubstr(word));
    EXPECT_THAT(drawn.out, testing::HasSubstr("at-least-once"));
  }
}

TEST(CommandLine, help_teaches_and_a_wrong_flag_is_usage) {
  const auto help = run_millrace({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, testing::HasSubstr("millrace pipe --task"));
  EXPECT_THAT(help.out, testing::HasSubstr("Exit codes"));
  EXPECT_EQ(run_millrace({"run", "--no-such-flag"}).exit_code, 2);
  EXPECT_EQ(run_millrace({}).exit_code, 2);
}

TEST(Version, names_what_this_build_and_machine_can_do) {
  const auto version = run_millrace({"version", "--features"});
  EXPECT_EQ(version.exit_code, 0);
  for (const char* word : {"librdkafka",
                           "libtorch",
                           "text-classification",
                           "feature-extraction",
                           "bert",
                           "distilbert"}) {
    EXPECT_THAT(version.out, testing::HasSubstr(word));
  }
}

}  // namespace
}  // namespace millrace
