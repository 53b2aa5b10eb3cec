#include "tests/support/worker_process.h"

#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

// Records that are hard to take, through the whole binary: each of them is answered, with a result
// or with an error that names what is wrong, and none of them harms its neighbours. The numbers are
// those of the promises about records.

namespace millrace {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using tests::environment;
using tests::run_millrace;
using tests::TemporaryFolder;

constexpr const char* kNeighbour = "\"I loved it\"";

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

struct Call {
  std::string task = "text-classification";
  std::string model = "tiny_bert";
  std::string parameters = {};
  std::vector<std::string> options = {};
};

/// The answers to lines that stand between two that are good; those two are checked here.
std::vector<json> answers(const std::vector<std::string>& lines,
                          const Call& call = {},
                          const std::string& neighbour = kNeighbour) {
  std::vector<std::string> arguments = {"pipe", "--task", call.task, "--model", golden(call.model)};
  if (!call.parameters.empty()) {
    arguments.emplace_back("--parameters");
    arguments.push_back(call.parameters);
  }
  arguments.insert(arguments.end(), call.options.begin(), call.options.end());
  std::string input = neighbour + "\n";
  for (const std::string& line : lines) input += line + "\n";
  input += neighbour + "\n";
  const auto finished = run_millrace(arguments, input);
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  auto found = json_lines(finished.out);
  EXPECT_EQ(found.size(), lines.size() + 2) << finished.out.substr(0, 2000);
  if (found.size() != lines.size() + 2) return {};
  EXPECT_FALSE(found.front().contains("error")) << found.front();
  EXPECT_FALSE(found.back().contains("error")) << found.back();
  return {found.begin() + 1, found.end() - 1};
}

std::string code_of(const json& answer) {
  return answer.is_object() && answer.contains("error")
             ? answer["error"].value("code", std::string())
             : "a result";
}

std::string message_of(const json& answer) {
  return answer["error"].value("message", std::string());
}

/// How many times a piece is written down.
std::string times(std::size_t count, const std::string& piece) {
  std::string all;
  all.reserve(count * piece.size());
  for (std::size_t i = 0; i < count; ++i) all += piece;
  return all;
}

TEST(HardRecords, D2_an_empty_text_is_answered_as_transformers_answers_it) {
  const auto found = answers({"\"\"", "\" \""});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_TRUE(found[0].contains("label")) << found[0];
  // Spaces are no tokens: the same row.
  EXPECT_EQ(found[0]["label"], found[1]["label"]);
}

TEST(HardRecords, D3_what_is_not_one_json_document_says_where) {
  const auto found = answers({"{broken", "\"a\" \"b\"", "\xEF\xBB\xBF\"a\"", "[1"});
  ASSERT_EQ(found.size(), 4U);
  for (const json& one : found) EXPECT_EQ(code_of(one), "BAD_JSON") << one;
  EXPECT_THAT(message_of(found[1]), HasSubstr("4"));  // the byte at which the second one begins
}

TEST(HardRecords, D4_deep_nesting_is_refused_while_it_is_read) {
  const auto found = answers({times(65, "[") + times(65, "]"), times(1'000'000, "[")});
  ASSERT_EQ(found.size(), 2U);
  for (const json& one : found) EXPECT_EQ(code_of(one), "TOO_DEEP") << one;
}

TEST(HardRecords, D5_many_small_values_are_refused) {
  const auto found = answers({"[" + times(200'000, "{},") + "{}]"});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(code_of(found[0]), "TOO_MANY_NODES") << found[0];
}

TEST(HardRecords, D6_of_a_key_that_stands_twice_the_last_one_counts) {
  const auto found = answers({R"({"text": "I loved it", "text": "bad"})", R"({"text": "bad"})"});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(code_of(found[0]), "a result") << found[0];
  EXPECT_EQ(found[0], found[1]);
}

TEST(HardRecords, D7_a_wrong_type_is_named_with_what_was_expected) {
  const auto found = answers({"7", "null", "{}", "[7]", R"({"text": null})", R"({"txt": "a"})"});
  ASSERT_EQ(found.size(), 6U);
  for (const json& one : found) {
    EXPECT_EQ(code_of(one), "BAD_INPUT") << one;
    EXPECT_THAT(message_of(one), HasSubstr("expected")) << one;
  }
}

TEST(HardRecords, D8_numbers_are_never_wrapped_into_others) {
  const auto found = answers({"3000000000", "-0", "-0.0", "18446744073709551616", "1e300"});
  ASSERT_EQ(found.size(), 5U);
  for (const json& one : found) {
    EXPECT_EQ(code_of(one), "BAD_INPUT") << one;
    EXPECT_THAT(message_of(one), HasSubstr("found number")) << one;
  }
  const auto beyond =
      answers({R"({"text": "good", "n": 1e999})", "[-1e999]", "NaN", "Infinity", R"([-Infinity])"});
  ASSERT_EQ(beyond.size(), 5U);
  for (const json& one : beyond) EXPECT_EQ(code_of(one), "BAD_JSON") << one;
  // They are text where they are written as text.
  const auto text = answers({R"("NaN")", R"("1e999")"});
  ASSERT_EQ(text.size(), 2U);
  for (const json& one : text) EXPECT_EQ(code_of(one), "a result") << one;
}

TEST(HardRecords, D8_a_parameter_out_of_range_is_refused_with_the_range) {
  for (const char* parameters :
       {R"({"max_length": 3000000000, "stride": -3000000000,)"
        R"( "pad_to_multiple_of": 18446744073709551616})",
        R"({"max_length": 1e300, "stride": -0.5, "pad_to_multiple_of": "NaN"})"}) {
    const auto refused = run_millrace({"pipe",
                                       "--task",
                                       "tokenization",
                                       "--model",
                                       golden("tiny_bert"),
                                       "--parameters",
                                       parameters},
                                      std::string(kNeighbour) + "\n");
    EXPECT_EQ(refused.exit_code, 3) << parameters;
    EXPECT_EQ(refused.out, "") << parameters;
    for (const char* name : {"max_length", "stride", "pad_to_multiple_of"})
      EXPECT_THAT(refused.err, HasSubstr(std::string(name) + ": expected an integer"));
  }
}

TEST(HardRecords, D8_numbers_beside_the_text_stay_what_they_are) {
  const TemporaryFolder folder;
  const std::string numbers =
      R"("a":3000000000,"b":-9223372036854775808,"c":18446744073709551615,"d":-0.0,)"
      R"("e":1e+300,"f":5e-324,"g":0.1,"h":1.7976931348623157e+308)";
  tests::write_file(folder.path() / "in.jsonl", "{\"text\":\"good\"," + numbers + "}\n");
  tests::write_file(folder.path() / "topology.yaml",
                    fmt::format("millrace: 1\n"
                                "worker: numbers\n"
                                "sources: {{in: {{files: {{path: \"{0}/in.jsonl\"}}}}}}\n"
                                "stages: {{s: {{input: in, read: /text, pipeline: {{task: "
                                "text-classification, model: \"{1}\"}}}}}}\n"
                                "sinks: {{out: {{input: s, files: {{path: \"{0}/out.jsonl\"}}}}}}\n"
                                "dead_letters: {{files: {{path: \"{0}/dead.jsonl\"}}}}\n",
                                folder.path().string(),
                                golden("tiny_bert")));

  const auto finished = run_millrace({"run", (folder.path() / "topology.yaml").string()});

  ASSERT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_THAT(tests::read_file(folder.path() / "out.jsonl"),
              testing::StartsWith("{\"text\":\"good\"," + numbers + ",\"result\""));
}

TEST(HardRecords, D9_bytes_that_are_no_utf8_are_refused_with_their_place) {
  const auto found = answers({"\"good \xC3\x28\"", "\"\xED\xA0\x80\"", "\"\xC0\xAF\""});
  ASSERT_EQ(found.size(), 3U);
  EXPECT_THAT(message_of(found[0]), HasSubstr("6"));
  for (const json& one : found) {
    EXPECT_THAT((std::vector<std::string>{"BAD_UTF8", "BAD_JSON"}), testing::Contains(code_of(one)))
        << one;
  }
}

TEST(HardRecords, D10_half_a_character_in_an_answer_becomes_a_replacement_character) {
  // A byte-level vocabulary has tokens of single bytes, which are no text on their own.
  const auto found = answers({R"("the <mask> broke")"},
                             {"fill-mask", "tiny_roberta_mlm", R"({"top_k": 400})"},
                             R"("a <mask>")");
  ASSERT_EQ(found.size(), 1U);
  std::size_t replaced = 0;
  for (const json& candidate : found[0]) {
    if (candidate["token_str"].get<std::string>().find("\xEF\xBF\xBD") != std::string::npos)
      ++replaced;
  }
  EXPECT_GT(replaced, 50U);
}

TEST(HardRecords, D11_control_characters_and_endless_marks_are_text_and_lone_surrogates_are_not) {
  const auto found = answers({R"("a\u0000b\u202ec")",
                              "\"e" + times(99'999, "\xCC\x81") + "\"",
                              R"("\ud83d")",
                              R"("\ude00\ud83d")"});
  ASSERT_EQ(found.size(), 4U);
  EXPECT_EQ(code_of(found[0]), "a result") << found[0];
  EXPECT_EQ(code_of(found[1]), "a result") << found[1];
  EXPECT_EQ(code_of(found[2]), "BAD_JSON") << found[2];
  EXPECT_EQ(code_of(found[3]), "BAD_JSON") << found[3];
}

TEST(HardRecords, D12_a_text_that_is_too_long_is_cut_and_says_so_or_refused) {
  const std::string longer = "\"" + times(100, "good ") + "\"";
  const std::string word = "\"" + times(100'000, "x") + "\"";
  const std::string huge = "\"" + times(1'000'000, "x") + "\"";

  const auto cut = answers({longer, word, huge});
  ASSERT_EQ(cut.size(), 3U);
  EXPECT_EQ(cut[0].value("truncated", false), true) << cut[0];
  EXPECT_EQ(code_of(cut[1]), "a result") << cut[1];  // one word that is no token
  EXPECT_EQ(code_of(cut[2]), "TOO_LARGE") << cut[2];
  const auto refused = answers({longer}, {.options = {"--truncation", "error"}});
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(code_of(refused[0]), "TOO_LONG");
}

TEST(HardRecords, D13_special_tokens_in_a_text_are_tokens_or_with_plain_text) {
  const Call tokens = {.task = "tokenization"};
  Call plain = tokens;
  plain.options = {"--special-tokens", "plain"};

  const auto parsed = answers({R"("a [SEP] b")"}, tokens);
  const auto written = answers({R"("a [SEP] b")"}, plain);

  ASSERT_EQ(parsed.size() + written.size(), 2U);
  EXPECT_EQ(parsed[0]["input_ids"].size(), 5U);
  EXPECT_GT(written[0]["input_ids"].size(), 5U);
}

// Work that grows with the square of a text would end this test by its deadline.
TEST(HardRecords, D14_spaces_and_repetition_take_linear_time) {
  for (const char* model : {"tiny_bert", "tiny_roberta_ner", "tiny_xlm_roberta_ner"}) {
    const auto found = answers({"\"" + times(100'000, " ") + "\"",
                                "\"" + times(100'000, "a") + "\"",
                                "\"" + times(50'000, " a") + "\"",
                                "\"" + times(33'000, "\xE6\x9D\xB1") + "\""},
                               {.task = "tokenization", .model = model});
    ASSERT_EQ(found.size(), 4U);
    for (const json& one : found) EXPECT_TRUE(one.contains("input_ids")) << model;
  }
}

TEST(HardRecords, D18_labels_are_counted_and_looked_at) {
  const std::string many = times(10'000, "\"a\",") + "\"b\"";
  const auto found = answers({R"({"sequences": "a text", "candidate_labels": []})",
                              R"({"sequences": "a text", "candidate_labels": ["one"]})",
                              R"({"sequences": "a text", "candidate_labels": [)" + many + "]}",
                              R"({"sequences": "a text", "candidate_labels": ["a", 7]})",
                              R"("a text")"},
                             {"zero-shot-classification", "tiny_nli"},
                             R"({"sequences": "good", "candidate_labels": "a, b"})");
  ASSERT_EQ(found.size(), 5U);
  EXPECT_EQ(code_of(found[0]), "BAD_INPUT");
  EXPECT_EQ(code_of(found[1]), "a result");
  EXPECT_EQ(code_of(found[2]), "TOO_MANY_TEXTS");
  EXPECT_EQ(code_of(found[3]), "BAD_INPUT");
  EXPECT_EQ(code_of(found[4]), "BAD_INPUT");
}

TEST(HardRecords, D19_parameters_in_a_record_are_not_obeyed) {
  const auto found =
      answers({R"({"text": "good", "max_length": 1000000000})", R"({"text": "good", "top_k": 3})"});
  ASSERT_EQ(found.size(), 2U);
  for (const json& one : found) EXPECT_EQ(code_of(one), "BAD_INPUT") << one;
}

TEST(HardRecords, D20_a_value_beyond_the_limit_is_refused_without_its_content) {
  const auto found = answers({"\"" + times(160'000, "secret ") + "\""});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(code_of(found[0]), "TOO_LARGE") << found[0].dump().substr(0, 300);
  EXPECT_THAT(message_of(found[0]), testing::Not(HasSubstr("secret")));
}

TEST(HardRecords, D23_one_bad_record_among_many_costs_the_others_nothing) {
  std::vector<std::string> lines(64, "\"the phone works\"");
  lines[31] = "{\"text\": 7}";

  const auto found = answers(lines);

  ASSERT_EQ(found.size(), lines.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(code_of(found[i]), i == 31 ? "BAD_INPUT" : "a result") << i;
  }
}

}  // namespace
}  // namespace millrace
