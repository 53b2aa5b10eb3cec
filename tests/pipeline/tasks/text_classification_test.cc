#include "pipeline/tasks/table.h"

#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

// The shapes of results on logits of our own; what a model makes of texts is compared with
// transformers in the tests of pipeline/runtime.

namespace millrace::pipeline {
namespace {

std::shared_ptr<const Tokenizer> tokenizer() {
  const char* source = std::getenv("MILLRACE_SOURCE_DIR");
  auto loaded =
      Tokenizer::load(std::string(source == nullptr ? "." : source) + "/tests/golden/tiny_bert");
  EXPECT_TRUE(loaded) << loaded.error().text();
  return *std::move(loaded);
}

TaskRequest request_of(const Json& parameters, std::vector<std::string> labels) {
  TaskRequest request;
  request.tokenizer = tokenizer();
  request.facts.labels = std::move(labels);
  request.facts.head = HeadKind::sequence_classification;
  request.parameters = std::make_shared<const Json>(parameters);
  return request;
}

std::unique_ptr<const Task> task_of(const TaskRequest& request) {
  MadeTask made = find_task("text-classification")->make(request);
  for (const Error& problem : made.errors) ADD_FAILURE() << problem.text();
  return std::move(made.task);
}

/// The result of one text whose logits are given.
Result<Json> result_of(const TaskRequest& request, const std::vector<float>& logits) {
  const auto task = task_of(request);
  const auto prepared = task->prepare("good");
  EXPECT_TRUE(prepared);
  const std::vector<RowView> rows = {{logits, logits.size()}};
  return task->finish(*prepared, rows);
}

std::string text_of(const Json& parameters, const std::vector<float>& logits) {
  return config::to_text(*result_of(request_of(parameters, {"no", "yes"}), logits));
}

TEST(TextClassification, gives_the_best_label_and_the_score_as_python_prints_it) {
  EXPECT_EQ(text_of(Json::object(), {0.0F, 2.0F}), R"({"label":"yes","score":0.8807970285415649})");
}

TEST(TextClassification, top_k_gives_a_sorted_list) {
  const Json none = {{"function_to_apply", "none"}, {"top_k", nullptr}};
  const Json one = {{"function_to_apply", "none"}, {"top_k", 1}};

  EXPECT_EQ(text_of(none, {0.5F, 2.0F}),
            R"([{"label":"yes","score":2.0},{"label":"no","score":0.5}])");
  EXPECT_EQ(text_of(one, {0.5F, 2.0F}), R"([{"label":"yes","score":2.0}])");
}

TEST(TextClassification, equal_scores_stand_in_the_order_of_the_labels) {
  EXPECT_EQ(text_of(Json::object(), {1.0F, 1.0F}), R"({"label":"no","score":0.5})");
  EXPECT_EQ(text_of({{"top_k", 2}}, {1.0F, 1.0F}),
            R"([{"label":"no","score":0.5},{"label":"yes","score":0.5}])");
}

TEST(TextClassification, all_scores_of_old_come_unsorted_and_give_way_to_top_k) {
  const Json all = {{"function_to_apply", "none"}, {"return_all_scores", true}};
  const Json both = {{"function_to_apply", "none"}, {"return_all_scores", true}, {"top_k", 1}};

  EXPECT_EQ(text_of(all, {0.5F, 2.0F}),
            R"([{"label":"no","score":0.5},{"label":"yes","score":2.0}])");
  EXPECT_EQ(text_of(both, {0.5F, 2.0F}), R"([{"label":"yes","score":2.0}])");
}

TEST(TextClassification, the_config_of_the_model_may_ask_for_all_scores) {
  TaskRequest asked = request_of(Json::object(), {"no", "yes"});
  asked.config = std::make_shared<const Json>(Json{{"return_all_scores", true}});
  TaskRequest refused = request_of({{"return_all_scores", false}}, {"no", "yes"});
  refused.config = asked.config;

  EXPECT_TRUE(result_of(asked, {0.0F, 1.0F})->is_array());
  EXPECT_TRUE(result_of(refused, {0.0F, 1.0F})->is_object());
}

double first_score(const std::string& problem_type, std::vector<std::string> labels) {
  TaskRequest request = request_of({{"top_k", nullptr}}, std::move(labels));
  request.facts.problem_type = problem_type;
  const std::vector<float> logits(request.facts.labels.size(), 2.0F);
  return (*result_of(request, logits))[0]["score"].get<double>();
}

TEST(TextClassification, the_function_follows_problem_type_and_number_of_labels) {
  constexpr double kSigmoidOfTwo = 0.8807970285415649;

  EXPECT_EQ(first_score("", {"a", "b"}), 0.5);
  EXPECT_EQ(first_score("single_label_classification", {"a", "b"}), 0.5);
  EXPECT_EQ(first_score("multi_label_classification", {"a", "b"}), kSigmoidOfTwo);
  EXPECT_EQ(first_score("", {"a"}), kSigmoidOfTwo);
  EXPECT_EQ(first_score("regression", {"a"}), 2.0);
}

TEST(TextClassification, a_list_in_a_record_gives_a_list) {
  const auto task = task_of(request_of(Json::object(), {"no", "yes"}));
  const std::vector<float> logits = {0.0F, 0.0F};
  const std::vector<RowView> rows = {{logits, 2}, {logits, 2}};

  const auto two = task->prepare(Json::parse(R"(["good", {"text": "a", "text_pair": "b"}])"));
  const auto none = task->prepare(Json::array());

  ASSERT_TRUE(two && none);
  EXPECT_EQ(two->items.size(), 2U);
  EXPECT_EQ(task->finish(*two, rows)->size(), 2U);
  EXPECT_EQ(config::to_text(*task->finish(*none, {})), "[]");
}

TEST(TextClassification, only_what_our_default_cut_is_marked) {
  TaskRequest request = request_of({{"top_k", nullptr}}, {"no", "yes"});
  request.rules.max_positions = 4;
  const auto task = task_of(request);
  const std::vector<float> logits = {0.0F, 0.0F};
  const std::vector<RowView> rows = {{logits, 2}, {logits, 2}};

  const auto prepared = task->prepare({"good", "good good good good"});
  const auto result = task->finish(*prepared, rows);

  ASSERT_TRUE(result);
  EXPECT_TRUE(prepared->truncated);
  EXPECT_EQ(config::to_text((*result)[0][0]), R"({"label":"no","score":0.5})");
  for (const Json& entry : (*result)[1])
    EXPECT_EQ(entry.value("truncated", false), true) << entry.dump();
}

TEST(TextClassification, a_score_that_is_no_number_is_an_error) {
  const float nan = std::numeric_limits<float>::quiet_NaN();

  const auto result = result_of(request_of(Json::object(), {"no", "yes"}), {nan, 1.0F});

  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "NONFINITE");
}

TEST(TextClassification, bad_parameters_are_refused_all_at_once) {
  const auto errors = check_parameters(
      *find_task("text-classification"),
      {{"top_k", "all"}, {"function_to_apply", "tanh"}, {"truncation", 7}, {"max_lenght", 8}},
      tokenizer());

  ASSERT_EQ(errors.size(), 4U);
  EXPECT_THAT(errors[0].message, testing::HasSubstr("did you mean 'max_length'"));
}

TEST(TextClassification, has_the_name_that_transformers_also_takes) {
  EXPECT_EQ(find_task("sentiment-analysis")->name, "text-classification");
  EXPECT_EQ(find_task("text-generation"), nullptr);
}

}  // namespace
}  // namespace millrace::pipeline
