#include "pipeline/tasks/table.h"

#include <cstdlib>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

// Parameters and inputs that are refused, of the tasks whose results are compared with transformers
// in the tests of pipeline/runtime.

namespace millrace::pipeline {
namespace {

using testing::HasSubstr;

std::shared_ptr<const Tokenizer> tokenizer() {
  const char* source = std::getenv("MILLRACE_SOURCE_DIR");
  auto loaded =
      Tokenizer::load(std::string(source == nullptr ? "." : source) + "/tests/golden/tiny_bert");
  EXPECT_TRUE(loaded) << loaded.error().text();
  return *std::move(loaded);
}

MadeTask make(const std::string& task, const Json& parameters, TextRules rules = {}) {
  TaskRequest request;
  request.tokenizer = tokenizer();
  request.facts.labels = {"O", "B-PER"};
  request.parameters = std::make_shared<const Json>(parameters);
  request.rules = rules;
  return find_task(task)->make(request);
}

/// The messages of what is wrong with parameters.
std::string complaint(const std::string& task, const char* parameters) {
  std::string all;
  for (const Error& problem : make(task, Json::parse(parameters)).errors)
    all += problem.text() + "\n";
  return all;
}

/// The code and message that an input is refused with.
std::string refusal(const std::string& task,
                    const char* parameters,
                    const char* input,
                    TextRules rules = {}) {
  const MadeTask made = make(task, Json::parse(parameters), rules);
  if (!made.task) return "no task";
  const auto prepared = made.task->prepare(Json::parse(input));
  return prepared ? "taken" : prepared.error().text();
}

TEST(TokenClassification, refuses_wrong_parameters_by_name) {
  const char* task = "ner";
  EXPECT_THAT(complaint(task, R"({"aggregation_strategy": "mean"})"), HasSubstr("simple"));
  EXPECT_THAT(complaint(task, R"({"aggregation": "simple"})"), HasSubstr("aggregation_strategy"));
  EXPECT_THAT(complaint(task, R"({"ignore_labels": "O"})"), HasSubstr("a list of texts"));
  EXPECT_THAT(complaint(task, R"({"stride": 40, "aggregation_strategy": "first"})"),
              HasSubstr("less than the 40"));
  EXPECT_THAT(complaint(task, R"({"stride": 2, "aggregation_strategy": "none"})"),
              HasSubstr("other than none"));
  EXPECT_THAT(complaint(task, R"({"delimiter": 1})"), HasSubstr("delimiter"));
  EXPECT_EQ(complaint(task, R"({"stride": 2, "aggregation_strategy": null})"), "");
}

TEST(TokenClassification, refuses_wrong_inputs) {
  const char* task = "token-classification";
  EXPECT_EQ(refusal(task, "{}", R"("good")"), "taken");
  EXPECT_THAT(refusal(task, "{}", "7"), HasSubstr("expected a string as text, found number"));
  EXPECT_THAT(refusal(task, "{}", R"([["good"]])"),
              HasSubstr("expected a string as text, found array"));
  EXPECT_THAT(refusal(task, R"({"is_split_into_words": true})", R"("good")"),
              HasSubstr("a list of words"));
  EXPECT_THAT(refusal(task, R"({"is_split_into_words": true})", R"(["good", 7])"),
              HasSubstr("BAD_INPUT"));
  EXPECT_THAT(refusal(task, "{}", R"({"text": "good", "offset_mapping": [[0, 4]]})"),
              HasSubstr("1 entries, the text has 3 tokens"));
  EXPECT_THAT(
      refusal(task, "{}", R"({"text": "good", "offset_mapping": [[0, 4], [4, 1], [0, 0]]})"),
      HasSubstr("[begin, end]"));
}

TEST(TokenClassification, takes_places_of_tokens_from_the_record) {
  const MadeTask made = make("ner", Json::object());
  const auto prepared = made.task->prepare(
      Json::parse(R"({"text": "xx good", "offset_mapping": [[0, 0], [0, 2], [3, 7], [0, 0]]})"));
  ASSERT_FALSE(prepared) << "x and ##x are two tokens";
  const auto fits = made.task->prepare(
      Json::parse(R"({"text": "a good", "offset_mapping": [[0, 0], [9, 9], [1, 3], [0, 0]]})"));
  ASSERT_TRUE(fits) << fits.error().text();
  const std::vector<float> logits = {0, 0, 0, 9, 0, 9, 0, 0};
  const std::vector<RowView> rows = {{logits, 2}};
  const auto result = made.task->finish(*fits, rows);
  ASSERT_TRUE(result);
  EXPECT_EQ((*result)[1]["start"], 1);
  EXPECT_EQ((*result)[1]["end"], 3);
}

TEST(TokenClassification, cuts_by_default_and_says_so_or_refuses) {
  std::string text;
  for (int i = 0; i < 30; ++i) text += "good ";
  const std::string input = Json(text).dump();
  const TextRules narrow{.max_positions = 12};
  const TextRules strict{.max_positions = 12, .refuse_long = true};

  const MadeTask made = make("ner", Json::object(), narrow);
  const auto cut = made.task->prepare(Json(text));
  ASSERT_TRUE(cut);
  EXPECT_TRUE(cut->truncated);
  EXPECT_EQ(cut->items.at(0).ids.size(), 12U);
  const std::vector<float> logits(24, 1.0F);
  const std::vector<RowView> rows = {{logits, 2}};
  const MadeTask all = make("ner", Json{{"ignore_labels", Json::array()}}, narrow);
  const auto result = all.task->finish(*all.task->prepare(Json(text)), rows);
  ASSERT_TRUE(result);
  EXPECT_EQ((*result)[0]["truncated"], true);
  EXPECT_THAT(refusal("ner", "{}", input.c_str(), strict), HasSubstr("TOO_LONG"));
  EXPECT_EQ(refusal("ner", R"({"stride": 2})", input.c_str(), strict), "taken");
}

TEST(QuestionAnswering, refuses_wrong_parameters_by_name) {
  const char* task = "question-answering";
  EXPECT_THAT(complaint(task, R"({"top_k": 0})"), HasSubstr("top_k"));
  EXPECT_THAT(complaint(task, R"({"max_answer_len": 0})"), HasSubstr("max_answer_len"));
  EXPECT_THAT(complaint(task, R"({"max_seq_len": 10, "doc_stride": 11})"),
              HasSubstr("at most max_seq_len"));
  EXPECT_THAT(complaint(task, R"({"max_answer_length": 3})"), HasSubstr("max_answer_len"));
  EXPECT_THAT(complaint(task, R"({"padding": "left"})"), HasSubstr("padding"));
  EXPECT_EQ(complaint(task, R"({"top_k": 3, "padding": true, "doc_stride": 0})"), "");
}

TEST(QuestionAnswering, refuses_wrong_inputs) {
  const char* task = "question-answering";
  EXPECT_EQ(refusal(task, "{}", R"({"question": "who", "context": "we"})"), "taken");
  EXPECT_EQ(refusal(task, "{}", "[]"), "taken");
  EXPECT_THAT(refusal(task, "{}", R"("who")"), HasSubstr("{\"question\""));
  EXPECT_THAT(refusal(task, "{}", R"({"question": "who"})"), HasSubstr("{\"question\""));
  EXPECT_THAT(refusal(task, "{}", R"({"question": "", "context": "we"})"),
              HasSubstr("question cannot be empty"));
  EXPECT_THAT(refusal(task, "{}", R"({"question": "who", "context": null})"),
              HasSubstr("context cannot be null"));
  EXPECT_THAT(refusal(task, "{}", R"({"question": ["a", "b"], "context": ["c"]})"),
              HasSubstr("2 questions and 1 contexts"));
  EXPECT_THAT(refusal(task, "{}", R"({"question": "who", "context": ["c"]})"),
              HasSubstr("expected a string as context, found array"));
}

/// A context for all questions is read once, however many there are.
TEST(QuestionAnswering, takes_no_more_questions_than_a_record_may_hold) {
  Json questions = Json::array();
  for (int i = 0; i < 65; ++i) questions.push_back("who");
  const Json input = {{"question", questions}, {"context", "we"}};
  EXPECT_THAT(refusal("question-answering", "{}", input.dump().c_str()),
              HasSubstr("TOO_MANY_TEXTS"));
}

/// transformers ends with a panic that no handler catches.
TEST(QuestionAnswering, a_question_that_leaves_no_room_is_an_error_of_its_record) {
  std::string question;
  for (int i = 0; i < 20; ++i) question += "good ";
  const Json input = {{"question", question}, {"context", "we " + question + question}};
  const std::string text = input.dump();
  EXPECT_THAT(
      refusal("question-answering", R"({"max_seq_len": 30, "doc_stride": 15})", text.c_str()),
      HasSubstr("BAD_TRUNCATION"));
  EXPECT_THAT(refusal("question-answering", R"({"max_seq_len": 10})", text.c_str()),
              HasSubstr("BAD_TRUNCATION"));
}

TEST(QuestionAnswering, a_window_wider_than_the_model_is_refused) {
  std::string context;
  for (int i = 0; i < 40; ++i) context += "good ";  // the last window is a short one
  const Json input = {{"question", "who"}, {"context", context}};
  const std::string text = input.dump();
  EXPECT_THAT(refusal("question-answering",
                      R"({"max_seq_len": 38, "doc_stride": 0})",
                      text.c_str(),
                      {.max_positions = 20}),
              HasSubstr("lower max_seq_len"));
  EXPECT_EQ(refusal("question-answering", "{}", text.c_str(), {.max_positions = 20}), "taken");
}

/// The padding of BERT's tokenizer stands for that of RoBERTa: its id takes no position.
TEST(QuestionAnswering, every_window_must_leave_the_model_enough_positions) {
  std::string context;
  for (int i = 0; i < 12; ++i) context += "[PAD] ";
  for (int i = 0; i < 12; ++i) context += "good ";
  const Json input = {{"question", "who"}, {"context", context}};
  const TextRules rules{.max_positions = 12, .unplaced = Unplaced{.id = 0, .max_tokens = 100}};
  // "who" is three tokens: six are those of the question and the special ones.
  const auto lengths = [&](const Json& parameters) {
    std::vector<std::size_t> lengths;
    const auto prepared = make("question-answering", parameters, rules).task->prepare(input);
    if (!prepared) return lengths;
    for (const Item& item : prepared->items) lengths.push_back(item.ids.size());
    return lengths;
  };

  // Windows of 40 would hold 18 that count; those of 12 hold 12, whatever they are.
  EXPECT_THAT(lengths(Json::object()), testing::Each(testing::Le(12U)));
  EXPECT_THAT(lengths({{"max_seq_len", 18}, {"doc_stride", 0}}), testing::IsEmpty());
  EXPECT_THAT(lengths({{"max_seq_len", 24}, {"doc_stride", 0}}), testing::ElementsAre(24U, 12U));
}

TEST(ZeroShot, refuses_wrong_parameters_by_name) {
  const char* task = "zero-shot-classification";
  EXPECT_THAT(complaint(task, R"({"candidate_labels": []})"), HasSubstr("at least one label"));
  EXPECT_THAT(complaint(task, R"({"candidate_labels": " , "})"), HasSubstr("at least one label"));
  EXPECT_THAT(complaint(task, R"({"candidate_labels": [1]})"), HasSubstr("a list of texts"));
  EXPECT_THAT(complaint(task, R"({"hypothesis_template": "no place"})"),
              HasSubstr("where the label"));
  EXPECT_THAT(complaint(task, R"({"hypothesis_template": "{label}"})"), HasSubstr("neither {}"));
  EXPECT_THAT(complaint(task, R"({"labels": "a"})"), HasSubstr("candidate_labels"));
  Json many = Json::array();
  for (int i = 0; i < 65; ++i) many.push_back("a");
  EXPECT_THAT(complaint(task, Json{{"candidate_labels", many}}.dump().c_str()),
              HasSubstr("at most 64 labels"));
  EXPECT_EQ(complaint(task, "{}"), "") << "records may bring their labels";
}

TEST(ZeroShot, refuses_wrong_inputs_and_takes_labels_of_the_record) {
  const char* task = "zero-shot-classification";
  const char* labels = R"({"candidate_labels": "a,b"})";
  EXPECT_EQ(refusal(task, labels, R"("good")"), "taken");
  EXPECT_EQ(refusal(task, "{}", R"({"sequences": "good", "candidate_labels": "a"})"), "taken");
  EXPECT_THAT(refusal(task, "{}", R"("good")"), HasSubstr("expected candidate_labels"));
  EXPECT_THAT(refusal(task, labels, R"("")"), HasSubstr("at least one sequence"));
  EXPECT_THAT(refusal(task, labels, R"({"sequences": "good", "candidate_labels": []})"),
              HasSubstr("at least one label"));
  EXPECT_THAT(refusal(task, labels, R"({"text": "good"})"), HasSubstr("another key"));
  EXPECT_THAT(refusal(task, labels, "7"), HasSubstr("BAD_INPUT"));
}

/// Float arithmetic may depend on the place in a batch; the same question must not.
TEST(ZeroShot, labels_that_the_tokenizer_cannot_tell_apart_share_a_row) {
  const MadeTask made = make("zero-shot-classification",
                             Json::parse(R"({"candidate_labels": ["good", "GOOD", "bad"]})"));
  ASSERT_TRUE(made.task);
  const auto prepared = made.task->prepare(Json::parse(R"(["the phone", "the screen"])"));
  ASSERT_TRUE(prepared);
  ASSERT_EQ(prepared->items.size(), 4U);
  const std::vector<float> sure = {0.0F, 3.0F};
  const std::vector<float> unsure = {0.0F, 1.0F};
  const std::vector<RowView> rows = {{unsure, 2}, {sure, 2}, {sure, 2}, {unsure, 2}};

  const auto result = made.task->finish(*prepared, rows);

  ASSERT_TRUE(result);
  // Of equal scores the later label comes first.
  EXPECT_EQ((*result)[0]["labels"].dump(), R"(["bad","GOOD","good"])");
  EXPECT_EQ((*result)[1]["labels"].dump(), R"(["GOOD","good","bad"])");
  EXPECT_EQ((*result)[1]["scores"][0], (*result)[1]["scores"][1]);
}

TEST(ZeroShot, cuts_the_text_and_never_the_hypothesis) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "good ";
  const MadeTask made = make("zero-shot-classification",
                             {{"candidate_labels", "bad"}, {"hypothesis_template", "it was {}"}},
                             {.max_positions = 20});
  const auto prepared = made.task->prepare(Json(text));
  ASSERT_TRUE(prepared);
  EXPECT_TRUE(prepared->truncated);
  EXPECT_EQ(prepared->items.at(0).ids.size(), 20U);
  const std::vector<float> logits = {0, 1};
  const std::vector<RowView> rows = {{logits, 2}};
  EXPECT_EQ((*made.task->finish(*prepared, rows))["truncated"], true);
  const std::string input = Json(text).dump();
  EXPECT_THAT(refusal("zero-shot-classification",
                      R"({"candidate_labels": "bad"})",
                      input.c_str(),
                      {.max_positions = 20, .refuse_long = true}),
              HasSubstr("TOO_LONG"));
}

TEST(FillMask, refuses_wrong_parameters_by_name) {
  const char* task = "fill-mask";
  EXPECT_THAT(complaint(task, R"({"top_k": -1})"), HasSubstr("top_k"));
  EXPECT_THAT(complaint(task, R"({"targets": []})"), HasSubstr("at least one text"));
  EXPECT_THAT(complaint(task, R"({"targets": ""})"), HasSubstr("at least one text"));
  EXPECT_THAT(complaint(task, R"({"targets": [1]})"), HasSubstr("a list of texts"));
  EXPECT_THAT(complaint(task, R"({"max_length": 3})"), HasSubstr("tokenizer_kwargs"));
  EXPECT_THAT(complaint(task, R"({"tokenizer_kwargs": 3})"), HasSubstr("an object"));
  EXPECT_EQ(complaint(task, R"({"top_k": 0, "targets": ["", "good"]})"), "");
}

TEST(FillMask, refuses_texts_without_a_mask_or_with_one_cut_off) {
  const char* task = "fill-mask";
  std::string text;
  for (int i = 0; i < 30; ++i) text += "good ";
  const std::string cut = Json(text + "[MASK]").dump();
  const std::string half = Json("[MASK] " + text + "[MASK]").dump();
  const std::string kept = Json("[MASK] " + text).dump();
  const TextRules narrow{.max_positions = 12};

  EXPECT_EQ(refusal(task, "{}", R"("a [MASK]")"), "taken");
  EXPECT_THAT(refusal(task, "{}", R"("good")"), HasSubstr("no mask token ([MASK]) found"));
  EXPECT_THAT(refusal(task, "{}", "7"), HasSubstr("BAD_INPUT"));
  std::string masks;
  for (int i = 0; i < 33; ++i) masks += "[MASK] ";
  EXPECT_EQ(refusal(task, "{}", Json(masks).dump().c_str()), "taken");
  EXPECT_THAT(refusal(task, "{}", Json::array({masks, masks}).dump().c_str()),
              HasSubstr("at most 64 masks in a record, found 66"));
  EXPECT_THAT(refusal(task, "{}", cut.c_str(), narrow), HasSubstr("after cutting"));
  EXPECT_THAT(refusal(task, "{}", half.c_str(), narrow), HasSubstr("would be cut off"));
  EXPECT_EQ(refusal(task, "{}", kept.c_str(), narrow), "taken");
}

}  // namespace
}  // namespace millrace::pipeline
