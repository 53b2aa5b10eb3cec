#include "pipeline/runtime/pipeline.h"

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

// What is said about folders that are not as they should be.

namespace millrace::pipeline {
namespace {

namespace fs = std::filesystem;

using testing::HasSubstr;

std::string golden(const std::string& name) {
  const char* source = std::getenv("MILLRACE_SOURCE_DIR");
  return std::string(source == nullptr ? "." : source) + "/tests/golden/" + name;
}

std::string bytes_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

/// A copy of a golden checkpoint that may be spoilt.
class Folder {
 public:
  explicit Folder(const std::string& name) {
    static std::atomic<int> count = 0;
    path_ = fs::temp_directory_path() /
            ("millrace-load-" + std::to_string(getpid()) + "-" + std::to_string(count++));
    fs::copy(golden(name), path_);
  }

  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  ~Folder() { fs::remove_all(path_); }

  const fs::path& path() const { return path_; }

  void set_config(const std::string& key, const Json& value) const {
    Json config = Json::parse(bytes_of(path_ / "config.json"));
    config[key] = value;
    std::ofstream(path_ / "config.json") << config.dump();
  }

  /// Gives a tensor another name of the same length.
  void hide(const std::string& name) const {
    std::string bytes = bytes_of(path_ / "model.safetensors");
    const auto at = bytes.find('"' + name + '"');
    ASSERT_NE(at, std::string::npos) << name;
    bytes[at + 1] = '_';
    std::ofstream(path_ / "model.safetensors", std::ios::binary) << bytes;
  }

  /// Gives the tensors of the head names of the same length that nobody asks for.
  void hide_head() const {
    std::string bytes = bytes_of(path_ / "model.safetensors");
    for (std::size_t at = 0; (at = bytes.find("\"classifier.", at)) != std::string::npos; ++at)
      bytes.replace(at, 12, "\"clossifier.");
    std::ofstream(path_ / "model.safetensors", std::ios::binary) << bytes;
  }

 private:
  fs::path path_;
};

PipelineOptions options_of(const fs::path& folder, const std::string& task) {
  PipelineOptions options;
  options.task = task;
  options.model = folder;
  options.device = "cpu";
  return options;
}

std::vector<std::string> codes_of(const std::vector<Error>& errors) {
  std::vector<std::string> codes;
  for (const Error& problem : errors) codes.push_back(problem.code);
  return codes;
}

TEST(LoadPipeline, a_task_that_is_not_given_is_what_the_architecture_is_for) {
  const Folder encoder("tiny_bert");
  encoder.set_config("architectures", {"BertModel"});

  const auto classifier = load_pipeline(options_of(golden("tiny_bert"), ""));
  const auto features = load_pipeline(options_of(encoder.path(), ""));

  ASSERT_TRUE(classifier.pipeline && features.pipeline);
  EXPECT_TRUE((*run_pipeline(*classifier.pipeline, {Json("good")})[0]).contains("label"));
  EXPECT_TRUE((*run_pipeline(*features.pipeline, {Json("good")})[0]).is_array());
}

TEST(LoadPipeline, an_architecture_that_is_for_no_task_of_ours_is_named) {
  const Folder folder("tiny_bert");
  folder.set_config("architectures", {"BertForNextSentencePrediction"});

  const auto errors = lint_pipeline(options_of(folder.path(), ""));

  ASSERT_EQ(codes_of(errors), std::vector<std::string>{"UNKNOWN_TASK"});
  EXPECT_THAT(errors[0].message, HasSubstr("BertForNextSentencePrediction"));
  EXPECT_THAT(errors[0].message, HasSubstr("text-classification, token-classification"));
}

TEST(LoadPipeline, a_checkpoint_without_a_head_is_refused_and_lint_sees_it) {
  const Folder folder("tiny_bert");
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
  const Folder folder("model_roberta");
  folder.hide("classifier.out_proj.weight");

  const auto errors = lint_pipeline(options_of(folder.path(), "text-classification"));

  const std::vector<std::string> expected = {"NO_FILE", "NO_HEAD"};  // it has no tokenizer, either
  ASSERT_EQ(codes_of(errors), expected);
  EXPECT_THAT(errors[1].message, HasSubstr("no classification head"));
  EXPECT_THAT(errors[1].message, HasSubstr("classifier.out_proj.weight"));
}

TEST(LoadPipeline, labels_that_the_head_does_not_give_are_refused_and_lint_sees_it) {
  const Folder folder("tiny_bert");
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
  const Folder folder("tiny_bert");
  folder.set_config("vocab_size", 100);

  const auto errors = lint_pipeline(options_of(folder.path(), "feature-extraction"));

  ASSERT_EQ(codes_of(errors), std::vector<std::string>{"VOCABULARY_MISMATCH"});
  EXPECT_THAT(errors[0].message, HasSubstr("the model's embedding has 100 rows"));
  EXPECT_THAT(codes_of(load_pipeline(options_of(folder.path(), "feature-extraction")).errors),
              testing::Contains("VOCABULARY_MISMATCH"));
}

TEST(LoadPipeline, a_model_that_cannot_be_run_is_named_with_those_that_can) {
  const Folder folder("tiny_bert");
  folder.set_config("model_type", "gpt9");

  const auto errors = lint_pipeline(options_of(folder.path(), "feature-extraction"));

  ASSERT_EQ(codes_of(errors), std::vector<std::string>{"UNSUPPORTED_MODEL"});
  EXPECT_THAT(errors[0].message, HasSubstr("'gpt9'"));
  EXPECT_THAT(errors[0].message, HasSubstr("distilbert"));
}

TEST(LoadPipeline, every_missing_file_is_named_at_once) {
  const Folder folder("tiny_bert");
  for (const char* file : {"tokenizer.json", "vocab.txt", "model.safetensors"})
    fs::remove(folder.path() / file);
  PipelineOptions options = options_of(folder.path(), "text-classification");
  options.parameters = std::make_shared<const Json>(Json{{"topk", 1}});

  const std::vector<std::string> expected = {"NO_FILE", "NO_WEIGHTS", "UNKNOWN_PARAMETER"};
  EXPECT_EQ(codes_of(lint_pipeline(options)), expected);
  EXPECT_EQ(codes_of(load_pipeline(options).errors), expected);
}

TEST(LoadPipeline, a_damaged_config_is_named_with_its_file) {
  const Folder folder("tiny_bert");
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
