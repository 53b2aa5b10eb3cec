#include "tests/support/worker_process.h"

#include <cmath>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace millrace {
namespace {

using nlohmann::json;
using tests::environment;
using tests::run_millrace;

std::string golden(const std::string& name) {
  return environment("MILLRACE_SOURCE_DIR") + "/tests/golden/" + name;
}

std::vector<json> json_lines(const std::string& text) {
  std::vector<json> all;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    all.push_back(json::parse(line, nullptr, false));
  return all;
}

double cosine(const std::vector<double>& a, const std::vector<double>& b) {
  double dot = 0;
  double length_a = 0;
  double length_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    dot += a[i] * b[i];
    length_a += a[i] * a[i];
    length_b += b[i] * b[i];
  }
  return dot / std::sqrt(length_a * length_b);
}

TEST(Pipe, answers_line_by_line_in_order_and_a_broken_line_with_an_error_object) {
  const auto answer =
      run_millrace({"pipe", "--task", "text-classification", "--model", golden("tiny_bert")},
                   "\"I loved it\"\n{broken\n42\n\"Waste of time.\"\n");

  EXPECT_EQ(answer.exit_code, 0) << answer.err;
  const auto lines = json_lines(answer.out);
  ASSERT_EQ(lines.size(), 4U) << answer.out;
  // Scores of transformers, from tests/golden/text_classification.json.
  EXPECT_EQ(lines[0].at("label"), "positive");
  EXPECT_NEAR(lines[0].at("score").get<double>(), 0.5575420260429382, 1e-5);
  EXPECT_EQ(lines[1].at("error").at("code"), "BAD_JSON");
  EXPECT_FALSE(lines[1].at("error").at("message").get<std::string>().empty());
  EXPECT_TRUE(lines[2].contains("error")) << answer.out;
  EXPECT_NEAR(lines[3].at("score").get<double>(), 0.5333704948425293, 1e-5);
}

/// Lines of one to 23 words, every length once in 23 lines.
std::string lines_of_all_lengths(int count) {
  std::string lines;
  for (int i = 0; i < count; ++i) {
    lines += "\"good";
    for (int word = 0; word < i * 7 % 23; ++word) lines += " bad";
    lines += "\"\n";
  }
  return lines;
}

TEST(Pipe, keeps_the_order_of_many_lines_of_all_lengths) {
  const std::vector<std::string> arguments = {
      "pipe", "--task", "text-classification", "--model", golden("tiny_bert")};

  const auto some = json_lines(run_millrace(arguments, lines_of_all_lengths(23)).out);
  const auto all = json_lines(run_millrace(arguments, lines_of_all_lengths(500)).out);

  ASSERT_EQ(some.size(), 23U);
  ASSERT_EQ(all.size(), 500U);
  EXPECT_GT(std::abs(some[0].at("score").get<double>() - some[1].at("score").get<double>()), 1e-4);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_NEAR(all[i].at("score").get<double>(), some[i % 23].at("score").get<double>(), 1e-5)
        << i;
  }
}

TEST(Pipe, labels_reviews_with_the_sentiment_checkpoint) {
  const std::string model = environment("MILLRACE_SENTIMENT");
  if (model.empty()) GTEST_SKIP() << "MILLRACE_SENTIMENT is not set";

  const auto answer = run_millrace(
      {"pipe", "--task", "text-classification", "--model", model},
      "\"I loved it\"\n\"Waste of time\"\n\"The plot was dull but the acting saved it.\"\n");

  EXPECT_EQ(answer.exit_code, 0) << answer.err;
  const auto lines = json_lines(answer.out);
  ASSERT_EQ(lines.size(), 3U) << answer.out;
  // Scores of transformers 4.57 in float32, from deploy/demo/README.md.
  EXPECT_EQ(lines[0].at("label"), "POSITIVE");
  EXPECT_NEAR(lines[0].at("score").get<double>(), 0.9958782196044922, 1e-4);
  EXPECT_EQ(lines[1].at("label"), "NEGATIVE");
  EXPECT_NEAR(lines[1].at("score").get<double>(), 0.9855321049690247, 1e-4);
  EXPECT_EQ(lines[2].at("label"), "NEGATIVE");
}

TEST(Pipe, gives_the_vectors_of_sentence_transformers) {
  const std::string model = environment("MILLRACE_MINILM");
  if (model.empty()) GTEST_SKIP() << "MILLRACE_MINILM is not set";
  const auto cases = json::parse(tests::read_file(golden("minilm_vectors.json"))).at("cases");
  std::string input;
  for (const auto& one : cases) input += one.at("text").dump() + "\n";

  const auto answer = run_millrace({"pipe",
                                    "--task",
                                    "feature-extraction",
                                    "--model",
                                    model,
                                    "--parameters",
                                    R"({"pooling":"mean","normalize":true})"},
                                   input);

  EXPECT_EQ(answer.exit_code, 0) << answer.err;
  const auto lines = json_lines(answer.out);
  ASSERT_EQ(lines.size(), cases.size()) << answer.out;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    ASSERT_TRUE(lines[i].is_array()) << lines[i];
    const auto found = lines[i].get<std::vector<double>>();
    ASSERT_EQ(found.size(), 384U);
    EXPECT_GE(cosine(found, cases[i].at("vector").get<std::vector<double>>()), 0.99999)
        << cases[i].at("text");
  }
}

TEST(Pipe, refuses_an_unknown_parameter_before_it_reads_a_line) {
  const auto answer = run_millrace({"pipe",
                                    "--task",
                                    "text-classification",
                                    "--model",
                                    golden("tiny_bert"),
                                    "--parameters",
                                    R"({"topk": 2})"},
                                   "\"I loved it\"\n");

  EXPECT_EQ(answer.exit_code, 3);
  EXPECT_EQ(answer.out, "");
  EXPECT_THAT(answer.err, testing::HasSubstr("top_k"));
}

}  // namespace
}  // namespace millrace
