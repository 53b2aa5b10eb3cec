#include "pipeline/runtime/pipeline.h"
#include "tests/pipeline/runtime/checkpoint_copy.h"

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

// What transformers returned for the same inputs (tests/golden/make_task_golden.py wrote it down),
// value by value.

namespace millrace::pipeline {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

std::string golden_folder() { return environment("MILLRACE_SOURCE_DIR") + "/tests/golden/"; }

Json golden(const std::string& name) {
  std::ifstream in(golden_folder() + name);
  return Json::parse(in);
}

std::shared_ptr<const Pipeline> loaded(const std::string& task,
                                       const std::string& folder,
                                       const Json& parameters) {
  PipelineOptions options;
  options.task = task;
  options.model = folder;
  options.parameters = std::make_shared<const Json>(parameters);
  LoadedPipeline result = load_pipeline(options);
  for (const Error& problem : result.errors) ADD_FAILURE() << problem.text();
  return result.pipeline;
}

/// Vectors are compact inside; as text they are what a reader gets.
Json as_read(const Json& value) { return Json::parse(config::to_text(value)); }

/// Compares structure and labels exactly, numbers within 1e-5. Says where the first difference is.
std::string difference(const Json& ours, const Json& theirs, const std::string& at = "") {
  if (ours.is_number() && theirs.is_number()) {
    const double gap = std::abs(ours.get<double>() - theirs.get<double>());
    return gap <= 1e-5 ? std::string() : at + ": " + ours.dump() + " instead of " + theirs.dump();
  }
  if (ours.type() != theirs.type() || ours.size() != theirs.size()) {
    return at + ": " + ours.dump().substr(0, 200) + " instead of " + theirs.dump().substr(0, 200);
  }
  if (theirs.is_object()) {
    auto mine = ours.begin();
    for (auto other = theirs.begin(); other != theirs.end(); ++other, ++mine) {
      if (mine.key() != other.key())
        return at + ": key " + mine.key() + " instead of " + other.key();
      if (auto found = difference(mine.value(), other.value(), at + "/" + mine.key());
          !found.empty())
        return found;
    }
    return {};
  }
  if (theirs.is_array()) {
    for (std::size_t i = 0; i < theirs.size(); ++i) {
      if (auto found = difference(ours[i], theirs[i], at + "/" + std::to_string(i)); !found.empty())
        return found;
    }
    return {};
  }
  return ours == theirs ? std::string() : at + ": " + ours.dump() + " instead of " + theirs.dump();
}

/// Loads the checkpoint of a case, or a copy whose tokenizer_config.json has the case's length.
std::shared_ptr<const Pipeline> loaded_for(const Json& sample, const std::string& task) {
  const std::string model = sample["model"];
  const std::string named = sample.value("task", task);
  if (!sample.contains("model_max_length"))
    return loaded(named, golden_folder() + model, sample["parameters"]);
  const tests::CheckpointCopy copy(model);
  copy.set_config("model_max_length", sample["model_max_length"], "tokenizer_config.json");
  return loaded(named, copy.path().string(), sample["parameters"]);
}

/// task: of the cases that name none. most: how many more records than this are compared.
void compare_all(const std::string& task, const std::string& file, std::size_t most = 20) {
  std::size_t compared = 0;
  const Json cases = golden(file)["cases"];
  for (const Json& sample : cases) {
    const auto pipeline = loaded_for(sample, task);
    ASSERT_NE(pipeline, nullptr) << sample["parameters"].dump();
    const auto results = run_pipeline(*pipeline, sample["inputs"].get<std::vector<Json>>());
    ASSERT_EQ(results.size(), sample["outputs"].size());
    for (std::size_t i = 0; i < results.size(); ++i) {
      const std::string what = sample["model"].dump() + " " + sample["parameters"].dump() + " " +
                               sample["inputs"][i].dump().substr(0, 120);
      if (!results[i]) {
        ADD_FAILURE() << what << ": " << results[i].error().text();
        continue;
      }
      EXPECT_EQ(difference(as_read(*results[i]), sample["outputs"][i]), "") << what;
      ++compared;
    }
  }
  EXPECT_GT(compared, most);
}

TEST(Golden, text_classification_gives_what_transformers_gives) {
  compare_all("text-classification", "text_classification.json");
}

TEST(Golden, feature_extraction_gives_what_transformers_gives) {
  compare_all("feature-extraction", "feature_extraction.json");
}

TEST(Golden, token_classification_gives_what_transformers_gives) {
  compare_all("ner", "token_classification.json");
}

TEST(Golden, question_answering_gives_what_transformers_gives) {
  compare_all("question-answering", "question_answering.json");
}

TEST(Golden, zero_shot_classification_gives_what_transformers_gives) {
  compare_all("zero-shot-classification", "zero_shot_classification.json");
}

TEST(Golden, fill_mask_gives_what_transformers_gives) {
  compare_all("fill-mask", "fill_mask.json");
}

TEST(Golden, tokenizers_of_sentencepiece_give_what_transformers_gives) {
  compare_all("", "sentencepiece_tasks.json");
}

TEST(Golden, tokenization_gives_what_the_tokenizers_of_transformers_give) {
  compare_all("tokenization", "tokenization.json");
  compare_all("tokenization", "tokenization_word_pairs.json");
}

TEST(Golden, further_heads_give_what_transformers_gives) { compare_all("", "more_heads.json"); }

/// Each of these texts has more tokens than the model has positions.
TEST(Golden, tokens_without_a_position_do_not_make_a_text_too_long) {
  compare_all("", "unplaced_tokens.json", 15);
}

TEST(Golden, bart_and_mbart_give_what_transformers_gives) { compare_all("", "bart_tasks.json"); }

double cosine(const Json& a, const Json& b) {
  double dot = 0;
  double aa = 0;
  double bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto x = a[i].get<double>();
    const auto y = b[i].get<double>();
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  return dot / std::sqrt(aa * bb);
}

TEST(Golden, sentence_vectors_are_those_of_sentence_transformers) {
  const std::string folder = environment("MILLRACE_MINILM");
  if (folder.empty())
    GTEST_SKIP() << "MILLRACE_MINILM is not set: source the env file of deploy/install.sh";
  const auto pipeline =
      loaded("feature-extraction", folder, {{"pooling", "mean"}, {"normalize", true}});
  ASSERT_NE(pipeline, nullptr);
  const Json cases = golden("minilm_vectors.json")["cases"];
  for (const Json& sample : cases) {
    const auto results = run_pipeline(*pipeline, {sample["text"]});
    ASSERT_TRUE(results[0]) << results[0].error().text();
    EXPECT_GE(cosine(as_read(*results[0]), sample["vector"]), 0.99999) << sample["text"];
  }
}

TEST(Golden, the_sentiment_model_knows_good_from_bad) {
  const std::string folder = environment("MILLRACE_SENTIMENT");
  if (folder.empty())
    GTEST_SKIP() << "MILLRACE_SENTIMENT is not set: source the env file of deploy/install.sh";
  const auto pipeline = loaded("text-classification", folder, Json::object());
  ASSERT_NE(pipeline, nullptr);
  // Scores of transformers 4.57 in float32.
  const std::vector<std::tuple<std::string, std::string, double>> samples = {
      {"I loved it", "POSITIVE", 0.9958782196044922},
      {"Waste of time", "NEGATIVE", 0.9855321049690247},
      {"This is a great product!", "POSITIVE", 0.9972764849662781},
      {"This is a terrible product.", "NEGATIVE", 0.9955639839172363},
      {"The plot was dull but the acting saved it.", "NEGATIVE", 0.977313220500946}};
  for (const auto& [text, label, score] : samples) {
    const auto results = run_pipeline(*pipeline, {Json(text)});
    ASSERT_TRUE(results[0]);
    EXPECT_EQ((*results[0])["label"], label) << text;
    EXPECT_NEAR((*results[0])["score"].get<double>(), score, 1e-5) << text;
  }
}

/// A result must not depend on who else is in the batch, nor on the place in it.
TEST(Independence, a_record_has_the_same_result_alone_and_anywhere_in_any_batch) {
  for (const char* model : {"tiny_bert", "tiny_distilbert", "tiny_bart_nli", "tiny_mbart_nli"}) {
    const auto pipeline =
        loaded("feature-extraction", golden_folder() + model, {{"pooling", "mean"}});
    ASSERT_NE(pipeline, nullptr);
    const Json subject = "returned 3 broken phones; never again";
    const Json alone = as_read(*run_pipeline(*pipeline, {subject})[0]);
    for (const std::size_t size : {2U, 3U, 7U, 16U, 33U}) {
      for (std::size_t place = 0; place < size; place += 1 + size / 5) {
        std::vector<Json> batch;
        for (std::size_t i = 0; i < size; ++i)
          batch.emplace_back(std::string("word ") + std::string(i % 9, 'a') + " other");
        batch[place] = subject;
        const Json inside = as_read(*run_pipeline(*pipeline, batch)[place]);
        for (std::size_t i = 0; i < alone.size(); ++i) {
          ASSERT_NEAR(inside[i].get<double>(), alone[i].get<double>(), 1e-6)
              << model << ", " << place << " of " << size;
        }
      }
    }
  }
}

/// BART reads the last end of a text; without special tokens a text may have none.
TEST(RecordErrors, a_text_without_an_end_fails_alone) {
  const auto pipeline = loaded("text-classification",
                               golden_folder() + "tiny_bart_nli",
                               {{"add_special_tokens", false}, {"top_k", 1}});
  ASSERT_NE(pipeline, nullptr);

  const auto results =
      run_pipeline(*pipeline, {Json("good</s>"), Json("good"), Json("x</s> y</s> and on")});

  EXPECT_TRUE(results[0]);
  ASSERT_FALSE(results[1]);
  EXPECT_EQ(results[1].error().code, "BAD_ROW");
  EXPECT_TRUE(results[2]);
}

TEST(Truncation, cuts_by_default_and_says_so_unless_told_to_refuse) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "good ";
  PipelineOptions options;
  options.task = "text-classification";
  options.model = golden_folder() + "tiny_bert";
  const auto cutting = load_pipeline(options).pipeline;
  options.truncation = "error";
  const auto refusing = load_pipeline(options).pipeline;
  ASSERT_TRUE(cutting && refusing);

  const auto cut = run_pipeline(*cutting, {Json(text), Json("short")});
  ASSERT_TRUE(cut[0] && cut[1]);
  EXPECT_EQ((*cut[0])["truncated"], true);
  EXPECT_FALSE(cut[1]->contains("truncated"));
  EXPECT_TRUE(cutting->task().prepare(Json(text))->truncated);
  const auto refused = run_pipeline(*refusing, {Json(text)});
  ASSERT_FALSE(refused[0]);
  EXPECT_EQ(refused[0].error().code, "TOO_LONG");
}

std::vector<Error> errors_of(PipelineOptions options) { return load_pipeline(options).errors; }

TEST(LoadPipeline, names_everything_that_is_wrong_at_once) {
  PipelineOptions options;
  options.task = "text-clasification";
  options.model = "no/such/folder";
  const auto errors = errors_of(options);
  ASSERT_EQ(errors.size(), 2U);
  EXPECT_THAT(errors[0].message, testing::HasSubstr("did you mean 'text-classification'"));
  EXPECT_THAT(errors[1].message, testing::HasSubstr("no/such/folder"));
}

TEST(LoadPipeline, names_the_closest_parameter_and_what_was_expected) {
  PipelineOptions options;
  options.task = "text-classification";
  options.model = golden_folder() + "tiny_bert";
  options.parameters =
      std::make_shared<const Json>(Json{{"topk", 2}, {"function_to_apply", "tanh"}});
  const auto errors = errors_of(options);
  ASSERT_EQ(errors.size(), 2U);
  EXPECT_THAT(errors[0].message, testing::HasSubstr("did you mean 'top_k'"));
  EXPECT_THAT(errors[1].message, testing::HasSubstr("softmax"));
  EXPECT_EQ(lint_pipeline(options).size(), 2U);
}

TEST(LoadPipeline, a_device_that_is_absent_is_an_error_and_auto_falls_back) {
  PipelineOptions options;
  options.task = "text-classification";
  options.model = golden_folder() + "tiny_bert";
  options.device = "tpu";
  EXPECT_FALSE(errors_of(options).empty());
  options.device = "cuda:97";
  const auto absent = errors_of(options);
  ASSERT_FALSE(absent.empty());
  EXPECT_EQ(absent[0].code, "NO_DEVICE");
  options.device = "auto";
  EXPECT_TRUE(errors_of(options).empty());
  options.device = "-1";
  EXPECT_TRUE(errors_of(options).empty());
}

TEST(LoadPipeline, a_head_that_the_weights_lack_is_named) {
  const std::string folder = environment("MILLRACE_MINILM");
  if (folder.empty())
    GTEST_SKIP() << "MILLRACE_MINILM is not set: source the env file of deploy/install.sh";
  PipelineOptions options;
  options.task = "text-classification";
  options.model = folder;
  const auto errors = errors_of(options);
  ASSERT_FALSE(errors.empty());
  EXPECT_THAT(errors[0].message, testing::HasSubstr("classifier"));
}

TEST(LoadPipeline, special_tokens_in_a_text_are_parsed_or_plain) {
  PipelineOptions options;
  options.task = "feature-extraction";
  options.model = golden_folder() + "tiny_bert";
  const auto parsing = load_pipeline(options).pipeline;
  options.special_tokens = "plain";
  const auto plain = load_pipeline(options).pipeline;
  ASSERT_TRUE(parsing && plain);
  const auto tokens = [](const Pipeline& pipeline) {
    return pipeline.task().prepare(Json("a [MASK] b"))->items[0].ids.size();
  };
  EXPECT_EQ(tokens(*parsing), 5U);  // [CLS] a [MASK] b [SEP]
  EXPECT_GT(tokens(*plain), 5U);    // the brackets and the word on their own
}

}  // namespace
}  // namespace millrace::pipeline
