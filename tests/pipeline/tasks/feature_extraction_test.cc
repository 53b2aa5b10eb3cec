#include "pipeline/tasks/table.h"

#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace millrace::pipeline {
namespace {

std::shared_ptr<const Tokenizer> tokenizer() {
  const char* source = std::getenv("MILLRACE_SOURCE_DIR");
  auto loaded =
      Tokenizer::load(std::string(source == nullptr ? "." : source) + "/tests/golden/tiny_bert");
  EXPECT_TRUE(loaded) << loaded.error().text();
  return *std::move(loaded);
}

MadeTask made_from(const Json& parameters) {
  TaskRequest request;
  request.tokenizer = tokenizer();
  request.facts.width = 2;
  request.parameters = std::make_shared<const Json>(parameters);
  return find_task("feature-extraction")->make(request);
}

/// The result of one text for which the model gave `values`, two to a row.
std::string text_of(const Json& parameters, const std::vector<float>& values) {
  const MadeTask made = made_from(parameters);
  const auto prepared = made.task->prepare("good");
  const std::vector<RowView> rows = {{values, 2}};
  return config::to_text(*made.task->finish(*prepared, rows));
}

Wanted wanted_by(const Json& parameters) {
  return made_from(parameters).task->prepare("good")->items[0].wanted;
}

std::string message_of(const Json& parameters) {
  const MadeTask made = made_from(parameters);
  EXPECT_EQ(made.errors.size(), 1U);
  return made.errors.empty() ? "" : made.errors[0].message;
}

TEST(FeatureExtraction, gives_one_by_tokens_by_width) {
  EXPECT_EQ(text_of(Json::object(), {1.0F, 0.1F, 3.0F, 4.0F}), "[[[1.0,0.1],[3.0,4.0]]]");
}

TEST(FeatureExtraction, pooling_asks_the_model_for_one_row_and_gives_a_flat_vector) {
  EXPECT_EQ(wanted_by(Json::object()), Wanted::hidden);
  EXPECT_EQ(wanted_by({{"pooling", "none"}}), Wanted::hidden);
  EXPECT_EQ(wanted_by({{"pooling", "mean"}}), Wanted::mean);
  EXPECT_EQ(wanted_by({{"pooling", "cls"}}), Wanted::first);
  EXPECT_EQ(text_of({{"pooling", "mean"}}, {3.0F, 4.0F}), "[3.0,4.0]");
}

TEST(FeatureExtraction, normalize_scales_each_vector_to_length_one) {
  EXPECT_EQ(text_of({{"normalize", true}}, {3.0F, 4.0F, 0.0F, 2.0F}), "[[[0.6,0.8],[0.0,1.0]]]");
  EXPECT_EQ(text_of({{"pooling", "cls"}, {"normalize", true}}, {3.0F, 4.0F}), "[0.6,0.8]");
}

TEST(FeatureExtraction, a_list_in_a_record_gives_a_list) {
  const MadeTask made = made_from({{"pooling", "mean"}});
  const std::vector<float> values = {1.0F, 2.0F};
  const std::vector<RowView> rows = {{values, 2}, {values, 2}};

  const auto prepared = made.task->prepare({"good", "bad"});

  EXPECT_EQ(config::to_text(*made.task->finish(*prepared, rows)), "[[1.0,2.0],[1.0,2.0]]");
}

TEST(FeatureExtraction, tensors_are_refused_and_the_way_out_is_named) {
  EXPECT_THAT(message_of({{"return_tensors", true}}), testing::HasSubstr("results are JSON"));
  EXPECT_TRUE(made_from({{"return_tensors", false}}).errors.empty());
}

TEST(FeatureExtraction, arguments_of_the_tokenizer_are_sent_to_their_place) {
  EXPECT_THAT(message_of({{"max_length", 8}}),
              testing::HasSubstr("give it in parameters.tokenize_kwargs"));
  EXPECT_THAT(message_of({{"tokenize_kwargs", {{"max_lenght", 8}}}}),
              testing::HasSubstr("did you mean 'max_length'"));
  EXPECT_THAT(message_of({{"tokenize_kwargs", 8}}), testing::HasSubstr("an object"));
}

TEST(FeatureExtraction, truncation_is_said_once) {
  EXPECT_THAT(message_of({{"truncation", true}, {"tokenize_kwargs", {{"truncation", true}}}}),
              testing::HasSubstr("once"));
  EXPECT_EQ(made_from({{"truncation", true}, {"tokenize_kwargs", {{"max_length", 3}}}})
                .task->prepare("good good good")
                ->items[0]
                .ids.size(),
            3U);
}

TEST(FeatureExtraction, a_value_that_is_no_number_is_an_error) {
  const MadeTask made = made_from({{"pooling", "mean"}});
  const std::vector<float> values = {1.0F, std::numeric_limits<float>::infinity()};
  const std::vector<RowView> rows = {{values, 2}};

  const auto result = made.task->finish(*made.task->prepare("good"), rows);

  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "NONFINITE");
}

TEST(Tasks, every_row_of_the_table_says_what_it_is_for_and_describes_its_parameters) {
  for (const TaskEntry& entry : tasks()) {
    EXPECT_TRUE(entry.sentence.ends_with('.')) << entry.name;
    for (const Parameter& parameter : entry.parameters()) {
      EXPECT_FALSE(parameter.type.empty()) << parameter.name;
      EXPECT_FALSE(parameter.sentence.empty()) << parameter.name;
    }
    EXPECT_TRUE(check_parameters(entry, Json::object(), nullptr).empty()) << entry.name;
  }
}

}  // namespace
}  // namespace millrace::pipeline
