#include "tests/pipeline/runtime/checkpoint_copy.h"
#include "tests/support/worker_process.h"

#include <filesystem>
#include <iterator>
#include <regex>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace millrace {
namespace {

using nlohmann::json;
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
  for (const char* name : {"REFERENCE.md", "TASKS.md", "millrace.schema.json"}) {
    const std::string fresh = tests::read_file(folder.path() / name);
    EXPECT_GT(fresh.size(), 1000U);
    EXPECT_EQ(fresh, tests::read_file(source("config/generated/" + std::string(name))))
        << "run: millrace docs --out config/generated";
  }
}

TEST(Verbs, help_of_pipe_shows_the_page_of_a_task) {
  const auto with_task = run_millrace({"pipe", "--task", "sentiment-analysis", "--help"});
  const auto without = run_millrace({"pipe", "--help"});

  EXPECT_EQ(with_task.exit_code, 0) << with_task.err;
  EXPECT_THAT(with_task.out, HasSubstr("function_to_apply"));
  EXPECT_EQ(without.exit_code, 0) << without.err;
  EXPECT_THAT(without.out, testing::Not(HasSubstr("function_to_apply")));
}

/// Numbers may differ in their last digits from one processor to the next.
void expect_same(const json& expected, const json& found, const std::string& what) {
  if (expected.is_number_float()) {
    EXPECT_NEAR(expected.get<double>(), found.get<double>(), 1e-5) << what;
  } else if (expected.is_structured()) {
    ASSERT_EQ(expected.type(), found.type()) << what;
    ASSERT_EQ(expected.size(), found.size()) << what;
    for (const auto& [key, value] : expected.items())
      expect_same(value, expected.is_array() ? found.at(std::stoul(key)) : found.at(key), what);
  } else {
    EXPECT_EQ(expected, found) << what;
  }
}

/// Every example of the page is made again: the command line and the answer under it.
TEST(Verbs, examples_of_the_tasks_are_what_pipe_answers) {
  const auto page = run_millrace({"docs", "tasks"});
  ASSERT_EQ(page.exit_code, 0) << page.err;
  const std::regex example(
      "echo '(.*)' \\| millrace pipe --task (\\S+) --model (\\S+?)(?: --parameters '(.*)')?\n"
      "```\n```json\n(.*)\n");
  std::size_t examples = 0;
  for (std::sregex_iterator at(page.out.begin(), page.out.end(), example), end; at != end; ++at) {
    const std::smatch& found = *at;
    std::vector<std::string> words = {
        "pipe", "--task", found[2].str(), "--model", source(found[3].str())};
    if (found[4].matched) words.insert(words.end(), {"--parameters", found[4].str()});
    const auto answer = run_millrace(words, found[1].str() + "\n");
    EXPECT_EQ(answer.exit_code, 0) << answer.err;
    expect_same(json::parse(found[5].str()), json::parse(answer.out), found[2].str());
    ++examples;
  }
  const auto tasks = run_millrace({"docs", "tasks"}).out;
  const std::regex heading("\n## ");
  EXPECT_EQ(
      examples,
      static_cast<std::size_t>(std::distance(
          std::sregex_iterator(tasks.begin(), tasks.end(), heading), std::sregex_iterator())));
}

/// A topology without records, so that all it does is to load its model.
std::string loading_topology(const tests::TemporaryFolder& folder,
                             const std::string& model,
                             const std::string& more) {
  tests::write_file(folder.path() / "in.jsonl", "");
  const auto file = folder.path() / "topology.yaml";
  tests::write_file(
      file,
      fmt::format("millrace: 1\n"
                  "worker: loading\n"
                  "sources: {{in: {{files: {{path: \"{0}/in.jsonl\"}}}}}}\n"
                  "stages: {{s: {{input: in, pipeline: {{task: text-classification, model: "
                  "\"{1}\"{2}}}}}}}\n"
                  "sinks: {{out: {{input: s, drop: true}}}}\n"
                  "dead_letters: {{drop: true}}\n",
                  folder.path().string(),
                  model,
                  more));
  return file.string();
}

TEST(Verbs, X6_strict_weights_refuse_a_checkpoint_that_holds_nan) {
  const tests::TemporaryFolder folder;
  const tests::CheckpointCopy checkpoint("tiny_bert");
  checkpoint.spoil("classifier.bias");
  const std::string model = checkpoint.path().string();
  const std::vector<std::string> pipe = {"pipe", "--task", "text-classification", "--model", model};
  auto strict_pipe = pipe;
  strict_pipe.emplace_back("--strict-weights");
  const std::string lax = loading_topology(folder, model, "");

  const auto warned = run_millrace({"run", lax});
  const auto refused = run_millrace({"run", "--strict-weights", lax});
  const auto declared =
      run_millrace({"run", loading_topology(folder, model, ", strict_weights: true")});
  const auto piped = run_millrace(pipe, "\"good\"\n");
  const auto piped_strictly = run_millrace(strict_pipe, "\"good\"\n");

  EXPECT_EQ(warned.exit_code, 0) << warned.err;
  EXPECT_THAT(warned.err, HasSubstr("no finite numbers"));
  EXPECT_EQ(piped.exit_code, 0) << piped.err;
  EXPECT_THAT(piped.out, HasSubstr("NONFINITE"));
  for (const auto& one : {refused, declared, piped_strictly}) {
    EXPECT_EQ(one.exit_code, 3) << one.err;
    EXPECT_EQ(one.out, "");
    EXPECT_THAT(one.err,
                testing::AllOf(HasSubstr("WEIGHT_NONFINITE"),
                               HasSubstr("classifier.bias, expected none, found 1")));
  }
}

}  // namespace
}  // namespace millrace
