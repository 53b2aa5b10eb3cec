#include "tests/support/worker_process.h"

#include <algorithm>
#include <filesystem>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace {
namespace {

using tests::run_millrace;

struct Wrong {
  std::filesystem::path file;
  int line = 0;
  std::vector<std::string> expected;
};

/// A wrong file says in its first comments which line is to be named, and which words are to stand
/// in the message.
Wrong read_wrong(const std::filesystem::path& file) {
  Wrong wrong{.file = file};
  std::istringstream lines(tests::read_file(file));
  for (std::string line; std::getline(lines, line) && line.rfind("# ", 0) == 0;) {
    if (line.rfind("# line: ", 0) == 0) wrong.line = std::stoi(line.substr(8));
    if (line.rfind("# expect: ", 0) == 0) wrong.expected.push_back(line.substr(10));
  }
  return wrong;
}

std::vector<Wrong> wrong_files() {
  std::vector<Wrong> all;
  const auto folder =
      std::filesystem::path(tests::environment("MILLRACE_SOURCE_DIR")) / "tests/worker/app/wrong";
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    all.push_back(read_wrong(entry.path()));
  std::sort(all.begin(), all.end(), [](const Wrong& a, const Wrong& b) { return a.file < b.file; });
  return all;
}

TEST(Lint, names_the_line_and_says_what_to_do_for_each_wrong_file) {
  const auto files = wrong_files();
  ASSERT_GE(files.size(), 30U);

  for (const Wrong& wrong : files) {
    const auto result = run_millrace({"lint", wrong.file.string()});

    const std::string text = result.out + result.err;
    EXPECT_EQ(result.exit_code, 3) << wrong.file << "\n" << text;
    EXPECT_THAT(text,
                testing::HasSubstr(wrong.file.filename().string() + ":" +
                                   std::to_string(wrong.line) + ":"));
    for (const std::string& words : wrong.expected)
      EXPECT_THAT(text, testing::HasSubstr(words)) << wrong.file;
  }
}

TEST(Lint, opens_no_socket) {
  const auto files = wrong_files();
  ASSERT_FALSE(files.empty());
  const tests::TemporaryFolder folder;
  const auto trace = folder.path() / "good.yaml";
  tests::write_file(trace,
                    "millrace: 1\nworker: w\nclusters: {main: {brokers: \"127.0.0.1:1\"}}\n"
                    "sources: {s: {kafka: {cluster: main, topics: [a], group: g}, decode: bytes}}\n"
                    "sinks: {o: {input: s, kafka: {cluster: main, topic: b}}}\n"
                    "dead_letters: {kafka: {cluster: main, topic: d}}\n");

  // A broker that cannot be reached would be a failure, if anybody asked it.
  const auto result = run_millrace({"lint", trace.string()});

  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_THAT(result.err, testing::Not(testing::HasSubstr("127.0.0.1:1")));
}

TEST(Lint, reports_every_problem_of_a_file_at_once) {
  const tests::TemporaryFolder folder;
  const auto file = folder.path() / "many.yaml";
  tests::write_file(file,
                    "millrace: 1\nworkr: w\nclusters: {main: {brokers: x, brokrs: y}}\n"
                    "sources: {s: {kafka: {cluster: mine, topics: [a], group: g}, decode: jsn}}\n"
                    "sinks: {o: {input: t, kafka: {cluster: main, topic: b}}}\n");

  const auto result = run_millrace({"lint", "--format", "json", file.string()});

  EXPECT_EQ(result.exit_code, 3);
  for (const char* word : {"workr", "brokrs", "mine", "jsn", "\"line\":5"}) {
    EXPECT_THAT(result.out, testing::HasSubstr(word));
  }
}

}  // namespace
}  // namespace millrace
