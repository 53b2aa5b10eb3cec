#include "tests/pipeline/runtime/checkpoint_copy.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

// What is said about folders that are not as they should be.

namespace millrace::pipeline {
namespace {

namespace fs = std::filesystem;

using testing::HasSubstr;
using tests::CheckpointCopy;
using tests::codes_of;
using tests::golden;
using tests::options_of;

TEST(LoadPipeline, a_task_that_is_not_given_is_what_the_architecture_is_for) {
  const CheckpointCopy encoder("tiny_bert");
  encoder.set_config("architectures", {"BertModel"});

  const auto classifier = load_pipeline(options_of(golden("tiny_bert"), ""));
  const auto features = load_pipeline(options_of(encoder.path(), ""));

  ASSERT_TRUE(classifier.pipeline && features.pipeline);
  EXPECT_TRUE((*run_pipeline(*classifier.pipeline, {Json("good")})[0]).contains("label"));
  EXPECT_TRUE((*run_pipeline(*features.pipeline, {Json("good")})[0]).is_array());
}

TEST(LoadPipeline, an_architecture_that_is_for_no_task_of_ours_is_named) {
  const CheckpointCopy folder("tiny_bert");
  folder.set_config("architectures", {"BertForNextSentencePrediction"});

  const auto errors = lint_pipeline(options_of(folder.path(), ""));

  ASSERT_EQ(codes_of(errors), std::vector<std::string>{"UNKNOWN_TASK"});
  EXPECT_THAT(errors[0].message, HasSubstr("BertForNextSentencePrediction"));
  EXPECT_THAT(errors[0].message, HasSubstr("text-classification, token-classification"));
}

TEST(LoadPipeline, tokenization_needs_nothing_but_the_files_of_a_tokenizer) {
  const CheckpointCopy folder("tiny_bert");
  fs::remove(folder.path() / "model.safetensors");
  fs::remove(folder.path() / "config.json");

  const auto loaded = load_pipeline(options_of(folder.path(), "tokenization"));

  ASSERT_TRUE(loaded.pipeline) << loaded.errors.front().text();
  const auto results = run_pipeline(*loaded.pipeline, {Json("the phone"), Json(7)});
  ASSERT_TRUE(results[0]) << results[0].error().text();
  EXPECT_EQ((*results[0])["input_ids"].size(), 4U);
  EXPECT_EQ(results[1].error().code, "BAD_INPUT");
  EXPECT_TRUE(lint_pipeline(options_of(folder.path(), "tokenization")).empty());
}

TEST(LoadPipeline, the_revision_of_a_tokenizer_follows_from_its_files) {
  const CheckpointCopy folder("tiny_bert");
  const auto revision = [&](const std::string& declared) {
    PipelineOptions options = options_of(folder.path(), "tokenization");
    options.revision = declared;
    return load_pipeline(options).pipeline->model().facts().revision;
  };

  const std::string before = revision("");
  EXPECT_EQ(revision("main"), "main@" + before);
  std::ofstream(folder.path() / "tokenizer_config.json", std::ios::app) << "\n";
  EXPECT_NE(revision(""), before);
}

TEST(LoadPipeline, tokenization_of_a_folder_without_a_tokenizer_says_what_is_missing) {
  const CheckpointCopy folder("tiny_bert");
  fs::remove(folder.path() / "tokenizer.json");
  fs::remove(folder.path() / "vocab.txt");

  EXPECT_EQ(codes_of(load_pipeline(options_of(folder.path(), "tokenization")).errors),
            std::vector<std::string>{"NO_FILE"});
  EXPECT_EQ(codes_of(load_pipeline(options_of("no/such", "tokenization")).errors),
            std::vector<std::string>{"NO_MODEL"});
  PipelineOptions misspelt = options_of(golden("tiny_bert"), "tokenization");
  misspelt.device = "xpu";
  EXPECT_EQ(load_pipeline(misspelt).errors.size(), 1U);
}

TEST(LoadPipeline, a_checkpoint_without_a_head_is_refused_and_lint_sees_it) {
  const CheckpointCopy folder("tiny_bert");
  folder.hide_head();
  folder.set_config("architectures", {"BertModel"});

  const auto linted = lint_pipeline(options_of(folder.path(), "text-classification"));
  const auto loaded = load_pipeline(options_of(folder.path(), "text-classification"));

  ASSERT_EQ(codes_of(linted), std::vector<std::string>{"NO_HEAD"});
  EXPECT_THAT(linted[0].message, HasSubstr("BertModel"));
  EXPECT_THAT(linted[0].message, HasSubstr("run feature-extraction"));
  EXPECT_EQ(codes_of(loaded.errors), std::vector<std::string>{"NO_HEAD"});
  EXPECT_EQ(loaded.pipeline, nullptr);
  EXPECT_TRUE(load_pipeline(options_of(folder.path(), "feature-extraction")).pipeline);
}

TEST(LoadPipeline, a_head_is_known_by_the_name_that_its_architecture_gives_it) {
  // Its classifier.weight is that of tokens.
  const CheckpointCopy folder("model_roberta");
  folder.hide("classifier.out_proj.weight");

  const auto errors = lint_pipeline(options_of(folder.path(), "text-classification"));

  const std::vector<std::string> expected = {"NO_FILE", "NO_HEAD"};  // it has no tokenizer, either
  ASSERT_EQ(codes_of(errors), expected);
  EXPECT_THAT(errors[1].message, HasSubstr("no classification head"));
  EXPECT_THAT(errors[1].message, HasSubstr("classifier.out_proj.weight"));
}

TEST(LoadPipeline, bart_has_the_head_that_its_weights_hold_and_the_words_as_another) {
  const auto no_labels = lint_pipeline(options_of(golden("tiny_bart_qa"), "text-classification"));
  const auto no_head = lint_pipeline(options_of(golden("tiny_bart_qa"), "ner"));
  const auto words = load_pipeline(options_of(golden("tiny_bart_qa"), "fill-mask"));

  ASSERT_EQ(codes_of(no_labels), std::vector<std::string>{"NO_HEAD"});
  EXPECT_THAT(no_labels[0].message, HasSubstr("classification_head.out_proj.weight"));
  ASSERT_EQ(codes_of(no_head), std::vector<std::string>{"UNSUPPORTED_MODEL"});
  EXPECT_THAT(no_head[0].message, HasSubstr("bart has no head for token-classification"));
  EXPECT_TRUE(words.pipeline);
}

TEST(LoadPipeline, labels_that_the_head_does_not_give_are_refused_and_lint_sees_it) {
  const CheckpointCopy folder("tiny_bert");
  folder.set_config("id2label", {{"0", "no"}, {"1", "yes"}});

  const auto linted = lint_pipeline(options_of(folder.path(), "text-classification"));
  const auto loaded = load_pipeline(options_of(folder.path(), "text-classification"));

  ASSERT_EQ(codes_of(linted), std::vector<std::string>{"HEAD_MISMATCH"});
  EXPECT_THAT(linted[0].message,
              HasSubstr("classifier.weight gives 3 scores, text-classification needs 2"));
  EXPECT_EQ(codes_of(loaded.errors), std::vector<std::string>{"HEAD_MISMATCH"});
  EXPECT_EQ(loaded.pipeline, nullptr);
}

TEST(LoadPipeline, a_tokenizer_of_another_model_is_refused_and_lint_sees_it) {
  const CheckpointCopy folder("tiny_bert");
  folder.set_config("vocab_size", 100);

  const auto errors = lint_pipeline(options_of(folder.path(), "feature-extraction"));

  ASSERT_EQ(codes_of(errors), std::vector<std::string>{"VOCABULARY_MISMATCH"});
  EXPECT_THAT(errors[0].message, HasSubstr("the model's embedding has 100 rows"));
  EXPECT_THAT(codes_of(load_pipeline(options_of(folder.path(), "feature-extraction")).errors),
              testing::Contains("VOCABULARY_MISMATCH"));
}

TEST(LoadPipeline, labels_are_counted_as_the_class_of_the_model_counts_them) {
  const CheckpointCopy folder("tiny_bart_nli");
  folder.set_config("id2label", nullptr);

  EXPECT_TRUE(lint_pipeline(options_of(folder.path(), "text-classification")).empty());
}

TEST(LoadPipeline, a_model_that_cannot_be_run_is_named_with_those_that_can) {
  const CheckpointCopy folder("tiny_bert");
  folder.set_config("model_type", "gpt9");

  const auto errors = lint_pipeline(options_of(folder.path(), "feature-extraction"));

  ASSERT_EQ(codes_of(errors), std::vector<std::string>{"UNSUPPORTED_MODEL"});
  EXPECT_THAT(errors[0].message, HasSubstr("'gpt9'"));
  EXPECT_THAT(errors[0].message, HasSubstr("distilbert"));
}

TEST(LoadPipeline, every_missing_file_is_named_at_once) {
  const CheckpointCopy folder("tiny_bert");
  for (const char* file : {"tokenizer.json", "vocab.txt", "model.safetensors"})
    fs::remove(folder.path() / file);
  PipelineOptions options = options_of(folder.path(), "text-classification");
  options.parameters = std::make_shared<const Json>(Json{{"topk", 1}});

  const std::vector<std::string> expected = {"NO_FILE", "NO_WEIGHTS", "UNKNOWN_PARAMETER"};
  EXPECT_EQ(codes_of(lint_pipeline(options)), expected);
  EXPECT_EQ(codes_of(load_pipeline(options).errors), expected);
}

TEST(LoadPipeline, a_damaged_config_is_named_with_its_file) {
  const CheckpointCopy folder("tiny_bert");
  std::ofstream(folder.path() / "config.json") << "{\"model_type\": ";

  const auto errors = lint_pipeline(options_of(folder.path(), "text-classification"));

  ASSERT_EQ(codes_of(errors), std::vector<std::string>{"BAD_MODEL_CONFIG"});
  EXPECT_THAT(errors[0].message, HasSubstr("config.json"));
}

TEST(LoadPipeline, misspelt_options_do_not_mean_their_defaults) {
  PipelineOptions options = options_of(golden("tiny_bert"), "text-classification");
  options.truncation = "eror";
  options.special_tokens = "plane";
  options.dtype = "float8";
  options.device = "gpu";

  const std::vector<std::string> expected = {"BAD_VALUE", "BAD_VALUE", "BAD_DEVICE", "BAD_DTYPE"};
  EXPECT_EQ(codes_of(lint_pipeline(options)), expected);
  EXPECT_EQ(load_pipeline(options).pipeline, nullptr);
}

TEST(LoadPipeline, lint_knows_what_only_the_tokenizer_knows) {
  PipelineOptions options = options_of(golden("tiny_bert"), "text-classification");
  options.parameters = std::make_shared<const Json>(Json{{"max_length", 1}});

  const auto errors = lint_pipeline(options);

  ASSERT_EQ(codes_of(errors), std::vector<std::string>{"BAD_PARAMETER"});
  EXPECT_THAT(errors[0].message, HasSubstr("at least 2"));
}

TEST(LoadPipeline, pipelines_on_the_same_weights_share_them) {
  PipelineOptions one = options_of(golden("tiny_bert"), "text-classification");
  PipelineOptions other = one;
  other.parameters = std::make_shared<const Json>(Json{{"top_k", nullptr}});
  other.model = fs::path(golden("tiny_bert")) / ".." / "tiny_bert";

  const auto first = load_pipeline(one).pipeline;
  const auto second = load_pipeline(other).pipeline;

  ASSERT_TRUE(first && second);
  EXPECT_EQ(&first->model(), &second->model());
}

TEST(LoadPipeline, a_loaded_pipeline_says_what_it_takes) {
  const auto pipeline =
      load_pipeline(options_of(golden("tiny_bert"), "sentiment-analysis")).pipeline;

  ASSERT_TRUE(pipeline);
  EXPECT_EQ(pipeline->longest_row(), 40U);
  EXPECT_GE(pipeline->batch_tokens(), 128U);
  EXPECT_LE(pipeline->batch_tokens(), 1024U);
  EXPECT_EQ(pipeline->model().facts().labels,
            (std::vector<std::string>{"negative", "neutral", "positive"}));
}

}  // namespace
}  // namespace millrace::pipeline
