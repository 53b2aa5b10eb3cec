#include "tests/pipeline/models/golden_models.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

// What BART and mBART refuse, and what they read of a row; their numbers are in logits_test.cc.

namespace millrace::pipeline {
namespace {

using testing::HasSubstr;

constexpr double kSameRow = 1e-6;  // alone against in company: the order of sums may differ

std::vector<double> doubles(const RowView& row) { return {row.values.begin(), row.values.end()}; }

BuiltModel changed(const std::string& name, HeadKind head, const Json& change) {
  Json config = read(golden() / name / "config.json");
  config.update(change);
  return build(golden() / name, head, std::move(config));
}

TEST(Bart, a_row_without_an_end_has_no_classification) {
  const auto model = load("model_bart", HeadKind::sequence_classification);
  ASSERT_NE(model, nullptr);

  const auto output = run(*model, {item({0, 17, 2}, Wanted::head), item({0, 17, 5}, Wanted::head)});

  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code, "BAD_ROW");
  EXPECT_EQ(output.error().kind, Errc::invalid_input);
  EXPECT_THAT(output.error().message, HasSubstr("row 1: it has no token 2"));
}

TEST(Bart, hidden_states_need_no_end) {
  const auto model = load("model_bart", HeadKind::none);
  ASSERT_NE(model, nullptr);

  EXPECT_TRUE(run(*model, {item({0, 17, 5}, Wanted::hidden)}));
}

TEST(Mbart, a_row_of_nothing_but_padding_has_no_language) {
  const auto model = load("model_mbart", HeadKind::none);
  ASSERT_NE(model, nullptr);

  const auto output = run(*model, {item({17, 2}, Wanted::mean), item({1, 1}, Wanted::mean)});

  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code, "BAD_ROW");
  EXPECT_THAT(output.error().message, HasSubstr("row 1: it holds nothing but token 1"));
}

TEST(Bart, takes_rows_as_long_as_its_positions_and_no_longer) {
  for (const char* name : {"model_bart", "model_mbart"}) {
    const auto model = load(name, HeadKind::none);
    ASSERT_NE(model, nullptr);

    EXPECT_TRUE(run(*model, {item(std::vector<std::int32_t>(40, 9), Wanted::hidden)}));
    const auto refused = run(*model, {item(std::vector<std::int32_t>(41, 9), Wanted::hidden)});

    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "BAD_ROW");
  }
}

TEST(Bart, computes_less_where_less_is_read_and_the_same) {
  for (const char* name : {"model_bart", "model_mbart"}) {
    const auto model = load(name, HeadKind::none);
    ASSERT_NE(model, nullptr);
    const std::vector<std::int32_t> ids = {0, 17, 5, 40, 33, 2};

    const auto all = run(*model, {item(ids, Wanted::hidden)});
    const auto first = run(*model, {item(ids, Wanted::first)});

    ASSERT_TRUE(all && first);
    const auto expected = all->row(0).row(0);
    EXPECT_LT(distance(first->row(0).values, {expected.begin(), expected.end()}), kSameRow);
  }
}

TEST(Bart, scores_are_the_same_beside_rows_that_want_something_else) {
  const auto model = load("model_mbart", HeadKind::sequence_classification);
  ASSERT_NE(model, nullptr);
  const Item asked = item({17, 2, 5, 40, 2, 60}, Wanted::head);
  const auto alone = run(*model, {asked});
  ASSERT_TRUE(alone);

  const auto together =
      run(*model, {item({9, 2}, Wanted::head), asked, item({8, 2, 60}, Wanted::hidden), asked});

  ASSERT_TRUE(together);
  EXPECT_EQ(together->row(1).rows(), 1U);
  EXPECT_EQ(together->row(2).rows(), 3U);
  EXPECT_LT(distance(together->row(1).values, doubles(alone->row(0))), kSameRow);
  EXPECT_LT(distance(together->row(3).values, doubles(alone->row(0))), kSameRow);
}

TEST(Bart, a_masked_row_without_positions_has_no_scores) {
  const auto model = load("model_bart", HeadKind::masked_lm);
  ASSERT_NE(model, nullptr);
  Item asked = item({0, 17, 5, 2}, Wanted::masked);
  asked.positions = {2, 0, 2};
  Item nothing = asked;
  nothing.positions = {};

  const auto output = run(*model, {nothing, asked});
  const auto only_nothing = run(*model, {nothing});

  ASSERT_TRUE(output && only_nothing);
  EXPECT_EQ(output->row(0).rows(), 0U);
  EXPECT_EQ(only_nothing->row(0).rows(), 0U);
  const RowView row = output->row(1);
  ASSERT_EQ(row.rows(), 3U);
  EXPECT_TRUE(std::equal(row.row(0).begin(), row.row(0).end(), row.row(2).begin()));
  EXPECT_FALSE(std::equal(row.row(0).begin(), row.row(0).end(), row.row(1).begin()));
}

TEST(Bart, never_makes_a_head_up) {
  const BuiltModel texts =
      changed("model_bart_bare", HeadKind::sequence_classification, Json::object());
  const BuiltModel questions =
      changed("model_bart_bare", HeadKind::question_answering, Json::object());
  const BuiltModel words =
      changed("model_bart", HeadKind::masked_lm, {{"tie_word_embeddings", false}});

  EXPECT_EQ(texts.errors.size(), 4U);
  EXPECT_THAT(texts.errors.at(0).text(),
              HasSubstr("WEIGHT_MISSING a weight is missing: classification_head.dense.weight"));
  EXPECT_EQ(questions.errors.size(), 2U);
  ASSERT_EQ(words.errors.size(), 3U);
  EXPECT_THAT(words.errors[0].message, HasSubstr("model.encoder.embed_tokens.weight"));
  EXPECT_THAT(words.errors[1].message, HasSubstr("model.decoder.embed_tokens.weight"));
  EXPECT_THAT(words.errors[2].message, HasSubstr("lm_head.weight"));
}

TEST(Bart, words_alone_are_a_head_for_masks) {
  EXPECT_NE(changed("model_bart_bare", HeadKind::masked_lm, Json::object()).model, nullptr);
}

TEST(Bart, knows_the_general_names_of_its_numbers_and_prefers_them) {
  Json config = read(golden() / "model_bart" / "config.json");
  config["hidden_size"] = config["d_model"];
  config["num_attention_heads"] = config["encoder_attention_heads"];
  config["d_model"] = 3;
  config.erase("encoder_attention_heads");

  const BuiltModel built = build(golden() / "model_bart", HeadKind::none, config);

  ASSERT_NE(built.model, nullptr);
  EXPECT_EQ(built.model->facts().width, 16U);
}

TEST(Bart, has_three_labels_where_none_are_named_and_mbart_two) {
  const auto labels = [](const char* name) {
    Json config = read(golden() / name / "config.json");
    config.erase("id2label");
    config.erase("label2id");
    return build(golden() / name, HeadKind::sequence_classification, config);
  };

  const BuiltModel bart = labels("model_bart");
  const BuiltModel mbart = labels("model_mbart");

  ASSERT_NE(bart.model, nullptr);
  EXPECT_EQ(bart.model->facts().labels.size(), 3U);
  ASSERT_FALSE(mbart.errors.empty());
  EXPECT_THAT(mbart.errors[0].message, HasSubstr("expected [2, 16], found [3, 16]"));
}

TEST(Bart, refuses_numbers_that_do_not_fit) {
  struct Case {
    const char* model;
    Json change;
    const char* message;
  };

  const std::vector<Case> cases = {
      {"model_bart", {{"activation_function", "telu"}}, "activation telu"},
      {"model_bart", {{"d_model", 0}}, "expected a positive number at d_model"},
      {"model_bart", {{"encoder_layers", -2}}, "at encoder_layers"},
      {"model_bart", {{"decoder_layers", 0}}, "expected a positive number at decoder_layers"},
      {"model_bart", {{"decoder_layers", 1025}}, "1025 decoder layers, expected at most 1024"},
      {"model_mbart", {{"encoder_layers", 16777216}}, "16777216 encoder layers, expected at most"},
      {"model_bart", {{"encoder_layers", 16777217}}, "at encoder_layers"},
      {"model_bart", {{"encoder_attention_heads", 3}}, "16 does not divide into 3 encoder heads"},
      {"model_mbart", {{"decoder_attention_heads", 5}}, "16 does not divide into 5 decoder heads"},
      {"model_bart", {{"decoder_ffn_dim", "24"}}, "at decoder_ffn_dim"},
      {"model_bart", {{"vocab_size", 1e300}}, "at vocab_size"},
      {"model_bart", {{"max_position_embeddings", -1}}, "at max_position_embeddings"},
      {"model_bart", {{"eos_token_id", {2, 3}}}, "at eos_token_id"},
      {"model_bart", {{"eos_token_id", nullptr}}, "expected a token at eos_token_id, found null"},
      {"model_mbart", {{"pad_token_id", nullptr}}, "expected a token at pad_token_id, found null"},
      {"model_bart",
       {{"decoder_start_token_id", 64}},
       "decoder_start_token_id 64 is outside the vocabulary of 64"},
      {"model_mbart", {{"pad_token_id", 900}}, "pad_token_id 900 is outside the vocabulary of 64"},
  };
  for (const Case& one : cases) {
    const BuiltModel built = changed(one.model, HeadKind::none, one.change);

    ASSERT_EQ(built.errors.size(), 1U) << one.message;
    EXPECT_THAT(built.errors[0].message, HasSubstr(one.message));
  }
}

TEST(Bart, reports_every_weight_that_does_not_fit) {
  const BuiltModel built = changed(
      "model_bart", HeadKind::none, {{"decoder_layers", 3}, {"max_position_embeddings", 41}});

  const auto count = [&](std::string_view code) {
    return std::count_if(
        built.errors.begin(), built.errors.end(), [&](const Error& e) { return e.code == code; });
  };
  EXPECT_EQ(count("WEIGHT_SHAPE"), 2);     // both tables of positions
  EXPECT_EQ(count("WEIGHT_MISSING"), 26);  // the third layer of the decoder
}

}  // namespace
}  // namespace millrace::pipeline
