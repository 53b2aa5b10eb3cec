#include "tests/pipeline/models/golden_models.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace millrace::pipeline {
namespace {

constexpr double kFloat32 = 1e-5;        // against transformers 4.57, float32 on the CPU
constexpr double kSameRow = 1e-6;        // alone against in company: the order of sums may differ
constexpr double kSameVector = 0.99999;  // cosine against sentence-transformers

using Rows = std::vector<std::vector<std::int32_t>>;

// The ids of "I loved it", "" and "returned 3 broken phones; never again".
const Rows kBertRows = {{2, 13, 127, 109, 3}, {2, 3}, {2, 173, 34, 145, 161, 80, 45, 146, 148, 3}};
const Rows kDistilBertRows = {
    {2, 70, 153, 135, 3}, {2, 3}, {2, 199, 34, 171, 187, 106, 45, 172, 174, 3}};

/// Returns what transformers gave for a model and these parameters.
Json outputs_of(const Json& cases, const std::string& name, const Json& parameters) {
  for (const Json& sample : cases) {
    if (sample.at("model") == name && sample.at("parameters") == parameters)
      return sample.at("outputs");
  }
  ADD_FAILURE() << name << " has no case with " << parameters.dump();
  return Json::array();
}

void expect_features(const std::string& name, const Rows& rows) {
  const auto model = load(name, HeadKind::none);
  const Json cases = read(golden() / "feature_extraction.json").at("cases");
  ASSERT_NE(model, nullptr);
  std::vector<Item> items;
  for (const Wanted wanted : {Wanted::hidden, Wanted::mean, Wanted::first}) {
    for (const auto& ids : rows) items.push_back(item(ids, wanted));
  }

  const auto output = run(*model, items);

  ASSERT_TRUE(output) << output.error().text();
  const Json hidden = outputs_of(cases, name, Json::object());
  const Json mean = outputs_of(cases, name, {{"pooling", "mean"}});
  const Json first = outputs_of(cases, name, {{"pooling", "cls"}});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_LT(distance(output->row(i).values, flat(hidden.at(i).at(0))), kFloat32);
    EXPECT_LT(distance(output->row(rows.size() + i).values, mean.at(i).get<std::vector<double>>()),
              kFloat32);
    EXPECT_LT(
        distance(output->row(2 * rows.size() + i).values, first.at(i).get<std::vector<double>>()),
        kFloat32);
  }
}

TEST(Bert, hidden_states_means_and_first_tokens_are_those_of_transformers) {
  expect_features("tiny_bert", kBertRows);
}

TEST(DistilBert, hidden_states_means_and_first_tokens_are_those_of_transformers) {
  expect_features("tiny_distilbert", kDistilBertRows);
}

TEST(Bert, scores_are_those_of_transformers) {
  const auto model = load("tiny_bert", HeadKind::sequence_classification);
  ASSERT_NE(model, nullptr);

  const auto output = run(*model, {item(kBertRows[0], Wanted::head)});

  ASSERT_TRUE(output) << output.error().text();
  EXPECT_EQ(model->facts().labels, (std::vector<std::string>{"negative", "neutral", "positive"}));
  // text_classification.json, function_to_apply none, "I loved it"
  EXPECT_LT(distance(output->row(0).values,
                     {-0.23969562351703644, -0.6274117231369019, 0.5094599723815918}),
            kFloat32);
}

TEST(DistilBert, scores_are_those_of_transformers) {
  const auto model = load("tiny_distilbert", HeadKind::sequence_classification);
  ASSERT_NE(model, nullptr);

  const auto output = run(*model, {item(kDistilBertRows[0], Wanted::head)});

  ASSERT_TRUE(output) << output.error().text();
  EXPECT_LT(
      distance(output->row(0).values,
               {0.46019211411476135, 0.3144417703151703, 0.6476626992225647, -0.3791259229183197}),
      kFloat32);
}

TEST(Bert, a_regression_head_has_one_score) {
  const auto model = load("tiny_regression", HeadKind::sequence_classification);
  ASSERT_NE(model, nullptr);

  const auto output = run(*model, {item(kBertRows[0], Wanted::head)});

  ASSERT_TRUE(output) << output.error().text();
  EXPECT_EQ(model->facts().problem_type, "regression");
  EXPECT_LT(distance(output->row(0).values, {-0.6591138243675232}), kFloat32);
}

TEST(Model, a_row_is_the_same_alone_and_at_any_place_of_any_batch) {
  const auto model = load("tiny_bert", HeadKind::sequence_classification);
  ASSERT_NE(model, nullptr);
  for (const Wanted wanted : {Wanted::head, Wanted::hidden, Wanted::mean, Wanted::first}) {
    const auto alone = run(*model, {item(kBertRows[2], wanted)});
    ASSERT_TRUE(alone);
    const std::vector<double> expected(alone->values.begin(), alone->values.end());
    for (std::size_t size : {2U, 3U, 17U}) {
      for (std::size_t place = 0; place < size; ++place) {
        std::vector<Item> items(
            size, item(kBertRows[place % 2], place % 3 == 0 ? Wanted::hidden : Wanted::head));
        items[place] = item(kBertRows[2], wanted);
        const auto output = run(*model, items);
        ASSERT_TRUE(output);
        EXPECT_LT(distance(output->row(place).values, expected), kSameRow) << size << " " << place;
      }
    }
  }
}

TEST(Model, refuses_rows_that_do_not_fit_before_it_reads_a_table) {
  const auto model = load("tiny_bert", HeadKind::none);
  ASSERT_NE(model, nullptr);
  for (const std::vector<std::int32_t>& ids : {std::vector<std::int32_t>{2, 205, 3},
                                               std::vector<std::int32_t>{-1},
                                               std::vector<std::int32_t>{},
                                               std::vector<std::int32_t>(41, 5)}) {
    const auto output = run(*model, {item(kBertRows[0], Wanted::mean), item(ids, Wanted::mean)});
    ASSERT_FALSE(output);
    EXPECT_EQ(output.error().code, "BAD_ROW");
    EXPECT_EQ(output.error().kind, Errc::invalid_input);
  }
}

TEST(Model, reports_every_weight_that_does_not_fit) {
  const auto folder = golden() / "tiny_bert";
  Json config = read(folder / "config.json");
  config["intermediate_size"] = 48;
  config["num_hidden_layers"] = 3;

  const BuiltModel built = build(folder, HeadKind::none, config);

  EXPECT_EQ(built.model, nullptr);
  const auto count = [&](std::string_view code) {
    return std::count_if(
        built.errors.begin(), built.errors.end(), [&](const Error& e) { return e.code == code; });
  };
  EXPECT_EQ(count("WEIGHT_SHAPE"), 6);     // up, its bias and down, in two layers
  EXPECT_EQ(count("WEIGHT_MISSING"), 16);  // the third layer
}

TEST(Model, refuses_a_head_that_is_not_in_the_file_or_has_other_labels) {
  const auto folder = golden() / "tiny_bert";
  Json config = read(folder / "config.json");
  config["id2label"] = {{"0", "a"}, {"1", "b"}};

  const BuiltModel built = build(folder, HeadKind::sequence_classification, config);

  ASSERT_EQ(built.errors.size(), 2U);
  EXPECT_EQ(built.errors[0].text(),
            "WEIGHT_SHAPE weight has the wrong shape: classifier.weight, expected [2, 32], found "
            "[3, 32]");
}

TEST(Model, refuses_numbers_that_do_not_fit_together) {
  struct Case {
    const char* model;
    Json change;
    const char* message;
  };

  const std::vector<Case> cases = {
      {"model_bert", {{"position_embedding_type", "relative_key"}}, "position_embedding_type"},
      {"model_electra", {{"is_decoder", true}}, "is_decoder"},
      {"model_roberta",
       {{"pad_token_id", 41}},
       "42 positions, none of them behind pad_token_id 41"},
      {"model_roberta", {{"hidden_act", "telu"}}, "activation telu"},
      {"model_albert", {{"inner_group_num", 3}}, "4 layers do not hold 2 groups of 3"},
      {"model_mpnet",
       {{"relative_attention_num_buckets", 16}},
       "relative_attention_num_buckets 16, expected at least 32"},
      {"model_albert", {{"num_hidden_groups", 0}}, "groups without layers"},
      {"model_deberta_v2", {{"conv_kernel_size", 3}}, "conv_kernel_size"},
      {"model_deberta_v2", {{"pos_att_type", "p2p"}}, "pos_att_type p2p"},
      {"model_deberta_v2", {{"norm_rel_ebd", "batch_norm"}}, "norm_rel_ebd batch_norm"},
      {"model_deberta_v2", {{"position_buckets", 2}}, "position_buckets 2 do not fit"},
      {"model_deberta_v2", {{"pooler_hidden_act", "telu"}}, "activation telu"},
      {"model_deberta_v2", {{"pooler_hidden_size", 16}}, "pooler_hidden_size 16"},
      {"model_modernbert", {{"classifier_pooling", "max"}}, "classifier_pooling max"},
      {"model_modernbert", {{"rope_scaling", {{"rope_type", "linear"}}}}, "rope_scaling"},
      {"model_modernbert", {{"hidden_activation", "telu"}}, "activation telu"},
      {"model_modernbert", {{"num_attention_heads", 5}}, "32 does not divide into 5 heads"},
  };
  for (const Case& one : cases) {
    Json config = read(golden() / one.model / "config.json");
    config.update(one.change);

    const BuiltModel built = build(golden() / one.model, HeadKind::none, config);

    ASSERT_EQ(built.errors.size(), 1U) << one.message;
    EXPECT_NE(built.errors[0].message.find(one.message), std::string::npos)
        << built.errors[0].message;
  }
}

TEST(Model, never_makes_a_head_up) {
  const auto folder = golden() / "tiny_bert";
  const Json config = read(folder / "config.json");

  const BuiltModel questions = build(folder, HeadKind::question_answering, config);
  const BuiltModel words = build(folder, HeadKind::masked_lm, config);

  ASSERT_EQ(questions.errors.size(), 2U);
  EXPECT_EQ(questions.errors[0].text(),
            "WEIGHT_MISSING a weight is missing: qa_outputs.weight, expected [2, 32]; it is never "
            "made up");
  // dense and norm with their biases, and the bias of the scores, which are the word embedding
  EXPECT_EQ(words.errors.size(), 5U);
}

TEST(MiniLm, vectors_are_those_of_sentence_transformers) {
  const char* folder = std::getenv("MILLRACE_MINILM");
  if (folder == nullptr) GTEST_SKIP() << "MILLRACE_MINILM is not set";
  const std::filesystem::path path = folder;
  const BuiltModel built = build(path, HeadKind::none, read(path / "config.json"));
  ASSERT_NE(built.model, nullptr);
  const Json cases = read(golden() / "minilm_vectors.json").at("cases");
  const Rows rows = {{101, 1045, 3866, 2009, 102},
                     {101, 5949, 1997, 2051, 102},
                     {101, 1996, 4248, 2829, 4419, 14523, 2058, 1996, 13971, 3899, 1012, 102}};

  const auto output =
      run(*built.model,
          {item(rows[0], Wanted::mean), item(rows[1], Wanted::mean), item(rows[2], Wanted::mean)});

  ASSERT_TRUE(output) << output.error().text();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto expected = cases.at(i).at("vector").get<std::vector<double>>();
    double dot = 0.0;
    double length = 0.0;
    for (std::size_t c = 0; c < expected.size(); ++c) {
      const auto value = static_cast<double>(output->row(i).values[c]);
      dot += value * expected[c];
      length += value * value;
    }
    EXPECT_GT(dot / std::sqrt(length), kSameVector);
  }
}

}  // namespace
}  // namespace millrace::pipeline
