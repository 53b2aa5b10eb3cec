#include "pipeline/tensor/checkpoint.h"
#include "tests/pipeline/models/golden_models.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

// Every architecture with every head, against tests/golden/model_logits.json and bart_logits.json.

namespace millrace::pipeline {
namespace {

constexpr double kFloat32 = 1e-5;  // against transformers 4.57, float32 on the CPU
// Alone against in company, of the largest value of a row (of 1 if all are smaller): the order of
// sums may differ, by what the processor has, and float32 knows 7 digits.
constexpr double kSameRow = 1e-6;

constexpr double kBfloat16 = 0.99;  // cosine against the same in float32

struct HeadRow {
  HeadKind kind;
  Wanted wanted;
};

const std::map<std::string, HeadRow> kHeads = {
    {"none", {HeadKind::none, Wanted::hidden}},
    {"sequence_classification", {HeadKind::sequence_classification, Wanted::head}},
    {"token_classification", {HeadKind::token_classification, Wanted::tokens}},
    {"question_answering", {HeadKind::question_answering, Wanted::tokens}},
    {"masked_lm", {HeadKind::masked_lm, Wanted::masked}},
};

struct Sample {
  Item item;
  std::vector<double> values;
};

std::vector<Sample> samples_of(const std::string& model, const std::string& head) {
  static const Json cases = [] {
    Json all = read(golden() / "model_logits.json").at("cases");
    const Json more = read(golden() / "bart_logits.json").at("cases");
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }();
  std::vector<Sample> samples;
  for (const Json& one : cases) {
    if (one.at("model") != model || one.at("head") != head) continue;
    Item item;
    item.ids = one.at("ids").get<std::vector<std::int32_t>>();
    item.type_ids = one.value("type_ids", std::vector<std::int32_t>());
    item.positions = one.value("positions", std::vector<std::int32_t>());
    item.wanted = kHeads.at(head).wanted;
    samples.push_back({.item = std::move(item), .values = flat(one.at("values"))});
  }
  EXPECT_FALSE(samples.empty()) << model << " has no case for " << head;
  return samples;
}

std::vector<Item> items_of(const std::vector<Sample>& samples) {
  std::vector<Item> items;
  for (const Sample& sample : samples) items.push_back(sample.item);
  return items;
}

/// Runs all rows of a model and head in one batch and returns the largest difference.
double worst(const std::string& model, const std::string& head) {
  const auto loaded = load(model, kHeads.at(head).kind);
  if (!loaded) return 1e9;
  const std::vector<Sample> samples = samples_of(model, head);
  const auto output = run(*loaded, items_of(samples));
  EXPECT_TRUE(output) << output.error().text();
  double most = 0.0;
  for (std::size_t i = 0; output && i < samples.size(); ++i)
    most = std::max(most, distance(output->row(i).values, samples[i].values));
  return most;
}

double cosine(std::span<const float> found, const std::vector<double>& expected) {
  EXPECT_EQ(found.size(), expected.size());
  double dot = 0.0;
  double length = 0.0;
  double other = 0.0;
  for (std::size_t i = 0; i < std::min(found.size(), expected.size()); ++i) {
    dot += static_cast<double>(found[i]) * expected[i];
    length += static_cast<double>(found[i]) * static_cast<double>(found[i]);
    other += expected[i] * expected[i];
  }
  return dot / std::sqrt(length * other);
}

class Encoder : public testing::TestWithParam<const char*> {};

TEST_P(Encoder, computes_what_transformers_computes_with_every_head) {
  for (const auto& [head, row] : kHeads) {
    const double most = worst(GetParam(), head);
    EXPECT_LT(most, kFloat32) << head;
    RecordProperty("largest_difference_" + head, std::to_string(most * 1e6) + "e-6");
  }
}

double largest(const std::vector<double>& values) {
  double most = 1.0;
  for (const double value : values) most = std::max(most, std::abs(value));
  return most;
}

void expect_alone_as_together(const std::string& name, const std::string& head) {
  SCOPED_TRACE(name + " " + head);
  const auto model = load(name, kHeads.at(head).kind);
  ASSERT_NE(model, nullptr);
  std::vector<Item> items = items_of(samples_of(name, head));
  // Neighbours that want something else, too, so that the last layer computes every token.
  items.insert(items.begin() + 1, {.ids = {7, 8, 9}, .type_ids = {}, .wanted = Wanted::mean});
  items.push_back({.ids = {4, 4}, .type_ids = {}, .wanted = Wanted::first});

  const auto together = run(*model, items);

  ASSERT_TRUE(together) << together.error().text();
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto alone = run(*model, {items[i]});
    ASSERT_TRUE(alone) << alone.error().text();
    const std::vector<double> expected(alone->values.begin(), alone->values.end());
    EXPECT_LT(distance(together->row(i).values, expected), kSameRow * largest(expected)) << i;
    EXPECT_EQ(together->row(i).width, alone->row(0).width) << i;
  }
}

TEST_P(Encoder, gives_a_row_alone_what_it_gives_it_in_any_batch) {
  for (const auto& [head, kind] : kHeads) expect_alone_as_together(GetParam(), head);
}

void expect_near(const std::string& name, const std::string& head, const std::string& dtype) {
  SCOPED_TRACE(name + " " + head + " " + dtype);
  const auto folder = golden() / name;
  const BuiltModel built = build(folder, kHeads.at(head).kind, read(folder / "config.json"), dtype);
  ASSERT_NE(built.model, nullptr);
  const std::vector<Sample> samples = samples_of(name, head);

  const auto output = run(*built.model, items_of(samples));

  ASSERT_TRUE(output) << output.error().text();
  for (std::size_t i = 0; i < samples.size(); ++i)
    EXPECT_GT(cosine(output->row(i).values, samples[i].values), kBfloat16) << i;
}

TEST_P(Encoder, stays_near_in_bfloat16) {
  for (const auto& [head, kind] : kHeads) expect_near(GetParam(), head, "bfloat16");
}

TEST_P(Encoder, takes_rows_as_long_as_its_positions_and_no_longer) {
  const auto model = load(GetParam(), HeadKind::none);
  ASSERT_NE(model, nullptr);
  // What holds no table of positions takes more than its config.json speaks of.
  const std::size_t most = model->facts().max_positions;
  const std::vector<std::int32_t> longest(std::min<std::size_t>(most, 300), 9);
  const std::vector<std::int32_t> longer(most + 1, 9);

  const auto fits = run(*model, {item(longest, Wanted::first)});
  const auto refused = run(*model, {item(longer, Wanted::first)});

  EXPECT_TRUE(fits) << fits.error().text();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "BAD_ROW");
}

/// RoBERTa, its kin and MPNet.
TEST_P(Encoder, takes_more_tokens_than_positions_only_where_some_take_none) {
  const auto model = load(GetParam(), HeadKind::none);
  ASSERT_NE(model, nullptr);
  const ModelFacts& facts = model->facts();
  const std::vector<std::string> kin = {"roberta", "xlm-roberta", "camembert", "mpnet"};
  const bool skips = std::find(kin.begin(), kin.end(), facts.model_type) != kin.end();
  const std::int32_t padding = facts.unplaced.value_or(Unplaced{.id = 1}).id;
  std::vector<std::int32_t> row(facts.max_positions, 9);
  row.insert(row.begin() + 5, 3, padding);
  std::vector<std::int32_t> longer = row;
  longer.push_back(9);

  EXPECT_EQ(facts.unplaced.has_value(), skips);
  EXPECT_EQ(run(*model, {item(row, Wanted::first)}).has_value(), skips);
  EXPECT_FALSE(run(*model, {item(longer, Wanted::first)}));
  EXPECT_FALSE(run(*model, {item(std::vector<std::int32_t>(2049, padding), Wanted::first)}));
}

TEST_P(Encoder, says_what_it_is) {
  const Json config = read(golden() / GetParam() / "config.json");
  for (const auto& [head, kind] : kHeads) {
    const auto model = load(GetParam(), kind.kind);
    ASSERT_NE(model, nullptr);
    const ModelFacts& facts = model->facts();
    const bool labelled = kind.kind == HeadKind::sequence_classification ||
                          kind.kind == HeadKind::token_classification;
    EXPECT_EQ(facts.head, kind.kind);
    EXPECT_EQ(facts.model_type, config.at("model_type"));
    EXPECT_EQ(facts.max_positions, config.value("position_biased_input", true) ? 40U : 2048U);
    EXPECT_EQ(facts.vocab_size, 64U);
    EXPECT_EQ(facts.labels.size(), labelled ? 3U : 0U);
  }
}

TEST_P(Encoder, refuses_labels_that_a_head_does_not_give) {
  const auto folder = golden() / GetParam();
  for (const auto& [head, kind] : kHeads) {
    if (kind.kind == HeadKind::none) continue;
    Json config = read(folder / "config.json");
    config["id2label"] = {{"0", "a"}, {"1", "b"}, {"2", "c"}, {"3", "d"}};
    const bool labelled = kind.kind == HeadKind::sequence_classification ||
                          kind.kind == HeadKind::token_classification;

    const BuiltModel built = build(folder, kind.kind, config);

    EXPECT_EQ(built.errors.size(), labelled ? 2U : 0U) << head;
    for (const Error& what : built.errors) {
      EXPECT_EQ(what.code, "WEIGHT_SHAPE");
      EXPECT_THAT(what.message, testing::HasSubstr("expected [4"));
    }
  }
}

TEST_P(Encoder, names_a_weight_by_which_a_head_is_known) {
  const auto checkpoint = Checkpoint::open(golden() / GetParam());
  ASSERT_TRUE(checkpoint) << checkpoint.error().text();
  const std::string type = read(golden() / GetParam() / "config.json").at("model_type");
  const auto all = architectures();
  const auto found = std::find_if(
      all.begin(), all.end(), [&](const Architecture& one) { return one.model_type == type; });
  ASSERT_NE(found, all.end());
  for (const auto& [head, kind] : kHeads) {
    const HeadNames* names = find_head(found->heads, kind.kind);
    ASSERT_NE(names, nullptr) << head;
    if (kind.kind == HeadKind::none) continue;
    EXPECT_NE(checkpoint->find(own_weight(*names)), nullptr) << own_weight(*names);
  }
}

INSTANTIATE_TEST_SUITE_P(Golden,
                         Encoder,
                         testing::Values("model_bert",
                                         "model_distilbert",
                                         "model_roberta",
                                         "model_xlm_roberta",
                                         "model_camembert",
                                         "model_electra",
                                         "model_electra_square",
                                         "model_albert",
                                         "model_albert_uneven",
                                         "model_mpnet",
                                         "model_deberta_v2",
                                         "model_deberta_v2_apart"),
                         [](const auto& model) { return std::string(model.param); });

const std::vector<std::pair<const char*, const char*>> kModern = {
    {"model_modernbert", "none"},
    {"model_modernbert", "sequence_classification"},
    {"model_modernbert", "token_classification"},
    {"model_modernbert", "masked_lm"},
    {"model_modernbert_biased", "none"},
    {"model_modernbert_biased", "sequence_classification"},
    {"model_modernbert_biased", "token_classification"},
    {"model_modernbert_biased", "masked_lm"},
    {"model_modernbert_answers", "question_answering"},
};

TEST(ModernBert, computes_what_transformers_computes_with_every_head) {
  for (const auto& [model, head] : kModern) {
    const double most = worst(model, head);
    EXPECT_LT(most, kFloat32) << model << " " << head;
    RecordProperty(std::string("largest_") + model + "_" + head,
                   std::to_string(most * 1e6) + "e-6");
  }
}

TEST(ModernBert, gives_a_row_alone_what_it_gives_it_in_any_batch) {
  for (const auto& [model, head] : kModern) expect_alone_as_together(model, head);
}

const std::vector<const char*> kBart = {
    "model_bart", "model_bart_uneven", "model_bart_untied", "model_mbart", "model_mbart_uneven"};
const std::vector<const char*> kBartHeads = {
    "none", "sequence_classification", "question_answering", "masked_lm"};

TEST(Bart, computes_what_transformers_computes_with_every_head) {
  for (const char* model : kBart) {
    for (const char* head : kBartHeads) {
      const double most = worst(model, head);
      EXPECT_LT(most, kFloat32) << model << " " << head;
      RecordProperty(std::string("largest_") + model + "_" + head,
                     std::to_string(most * 1e6) + "e-6");
    }
  }
}

TEST(Bart, gives_a_row_alone_what_it_gives_it_in_any_batch) {
  for (const char* model : kBart) {
    for (const char* head : kBartHeads) expect_alone_as_together(model, head);
  }
}

TEST(Bart, stays_near_in_half_precision) {
  for (const char* model : kBart) {
    for (const char* head : kBartHeads) {
      expect_near(model, head, "bfloat16");
      expect_near(model, head, "float16");
    }
  }
}

TEST(Bart, runs_without_prefix_and_passes_over_settings_that_transformers_passes_over) {
  EXPECT_LT(worst("model_bart_bare", "none"), kFloat32);
}

TEST(Bart, takes_the_words_of_the_decoder_where_the_shared_ones_are_not_stored) {
  EXPECT_LT(worst("model_bart_decoder_words", "sequence_classification"), kFloat32);
  EXPECT_LT(worst("model_bart_decoder_words", "masked_lm"), kFloat32);
}

TEST(Checkpoint, runs_without_prefix_and_under_old_names) {
  EXPECT_LT(worst("model_old_names", "none"), kFloat32);
}

TEST(Checkpoint, runs_a_head_under_old_names_and_ties_scores_although_others_are_stored) {
  EXPECT_LT(worst("model_old_head", "masked_lm"), kFloat32);
}

TEST(Checkpoint, runs_from_shards_of_half_precision) {
  EXPECT_LT(worst("model_half_shards", "none"), kFloat32);
}

TEST(MaskedHead, answers_positions_in_the_order_asked_and_as_often) {
  const auto model = load("model_bert", HeadKind::masked_lm);
  ASSERT_NE(model, nullptr);
  Item asked = item({2, 17, 5, 3}, Wanted::masked);
  asked.positions = {2, 1, 2};
  Item nothing = asked;
  nothing.positions = {};

  const auto output = run(*model, {asked, nothing});

  ASSERT_TRUE(output) << output.error().text();
  const RowView row = output->row(0);
  ASSERT_EQ(row.rows(), 3U);
  EXPECT_EQ(row.width, 64U);
  EXPECT_TRUE(std::equal(row.row(0).begin(), row.row(0).end(), row.row(2).begin()));
  EXPECT_FALSE(std::equal(row.row(0).begin(), row.row(0).end(), row.row(1).begin()));
  EXPECT_EQ(output->row(1).rows(), 0U);
}

TEST(MaskedHead, refuses_a_position_outside_its_row) {
  const auto model = load("model_bert", HeadKind::masked_lm);
  ASSERT_NE(model, nullptr);
  for (const std::int32_t position : {-1, 4}) {
    Item asked = item({2, 17, 5, 3}, Wanted::masked);
    asked.positions = {position};

    const auto output = run(*model, {asked, item({2, 17, 5, 3, 6}, Wanted::first)});

    ASSERT_FALSE(output);
    EXPECT_EQ(output.error().code, "BAD_ROW");
  }
}

}  // namespace
}  // namespace millrace::pipeline
