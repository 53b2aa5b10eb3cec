#include "pipeline/runtime/batch_budget.h"
#include "pipeline/runtime/pipeline.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

// How documents become batches, on a model of our own that adds its ids up.

namespace millrace::pipeline {
namespace {

constexpr std::int32_t kPoison = 666;

struct NoState final : TaskState {};

/// Takes a list of lists of ids; gives the list of the sums.
class Sums final : public Task {
 public:
  Result<Prepared> prepare(const Json& input) const override {
    if (!input.is_array()) return error(Errc::invalid_input, "BAD_INPUT", "input: expected a list");
    Prepared prepared;
    for (const Json& ids : input)
      prepared.items.push_back({.ids = ids.get<std::vector<std::int32_t>>(), .type_ids = {}});
    prepared.state = std::make_unique<NoState>();
    return prepared;
  }

  Result<Json> finish(const Prepared& /*prepared*/, std::span<const RowView> rows) const override {
    Json sums = Json::array();
    for (const RowView& row : rows) sums.push_back(row.values[0]);
    return sums;
  }
};

/// Returns one number a row: the sum of its ids. Notes the tokens of each batch.
class Adder final : public Model {
 public:
  explicit Adder(std::string device = "cpu", Errc failure = Errc::invalid_input)
      : failure_(failure) {
    facts_.device = std::move(device);
  }

  const ModelFacts& facts() const override { return facts_; }

  std::unique_ptr<Workspace> make_workspace() const override {
    return std::make_unique<Workspace>();
  }

  Result<Output> forward(const Batch& batch, Workspace& /*workspace*/) const override {
    batches.push_back(batch.tokens());
    if (std::find(batch.ids.begin(), batch.ids.end(), kPoison) != batch.ids.end())
      return error(failure_, "BAD_ROW", "a row that nobody can run");
    Output output;
    output.begin.push_back(0);
    for (std::size_t row = 0; row < batch.rows(); ++row) {
      float sum = 0;
      for (std::int32_t i = batch.row_begin[row]; i < batch.row_begin[row + 1]; ++i)
        sum += static_cast<float>(batch.ids[static_cast<std::size_t>(i)]);
      output.values.push_back(sum);
      output.begin.push_back(output.values.size());
      output.width.push_back(1);
    }
    return output;
  }

  mutable std::vector<std::size_t> batches;

 private:
  ModelFacts facts_;
  Errc failure_;
};

class SumPipeline final : public Pipeline {
 public:
  explicit SumPipeline(std::size_t budget, Errc failure = Errc::invalid_input)
      : model_("cpu", failure), budget_(budget) {}

  const Task& task() const override { return task_; }

  const Adder& model() const override { return model_; }

  std::size_t longest_row() const override { return 1000; }

  std::size_t batch_tokens() const override { return budget_; }

 private:
  Sums task_;
  Adder model_;
  std::size_t budget_;
};

std::vector<Json> parsed(const std::vector<std::string>& texts) {
  std::vector<Json> inputs;
  for (const std::string& text : texts) inputs.push_back(Json::parse(text));
  return inputs;
}

TEST(RunPipeline, gives_results_in_the_order_of_the_inputs) {
  const SumPipeline pipeline(4);

  const auto results =
      run_pipeline(pipeline, parsed({"[[1]]", "[[1, 2, 3], [4, 5]]", "[]", "[[9, 9, 9, 9, 9]]"}));

  ASSERT_EQ(results.size(), 4U);
  EXPECT_EQ(*results[0], Json::parse("[1.0]"));
  EXPECT_EQ(*results[1], Json::parse("[6.0, 9.0]"));
  EXPECT_EQ(*results[2], Json::array());
  EXPECT_EQ(*results[3], Json::parse("[45.0]"));
}

TEST(RunPipeline, cuts_batches_by_the_budget_and_lets_an_oversized_row_run_alone) {
  const SumPipeline pipeline(4);

  run_pipeline(pipeline, parsed({"[[1]]", "[[1, 2]]", "[[1, 2]]", "[[1, 2, 3, 4, 5, 6]]"}));

  EXPECT_THAT(pipeline.model().batches, testing::ElementsAre(6U, 4U, 1U));
}

TEST(RunPipeline, a_bad_input_harms_no_neighbour) {
  const SumPipeline pipeline(100);

  const auto results = run_pipeline(pipeline, parsed({"[[1]]", "7", "[[2]]"}));

  EXPECT_TRUE(results[0]);
  ASSERT_FALSE(results[1]);
  EXPECT_EQ(results[1].error().code, "BAD_INPUT");
  EXPECT_EQ(*results[2], Json::parse("[2.0]"));
}

TEST(RunPipeline, a_row_that_fails_the_batch_harms_no_neighbour) {
  const SumPipeline pipeline(100);

  const auto results =
      run_pipeline(pipeline, parsed({"[[1]]", "[[2]]", "[[3], [666]]", "[[4]]", "[[5]]"}));

  EXPECT_THAT(pipeline.model().batches, testing::Contains(6U));
  ASSERT_FALSE(results[2]);
  EXPECT_EQ(results[2].error().code, "BAD_ROW");
  for (const std::size_t good : {0U, 1U, 3U, 4U}) EXPECT_TRUE(results[good]) << good;
}

TEST(RunPipeline, a_lost_device_is_not_asked_again) {
  const SumPipeline pipeline(100, Errc::device_lost);

  const auto results = run_pipeline(pipeline, parsed({"[[1]]", "[[666]]"}));

  EXPECT_FALSE(results[0]);
  EXPECT_FALSE(results[1]);
  EXPECT_EQ(pipeline.model().batches.size(), 1U);
}

TEST(BatchBudget, stays_within_what_fits_the_device) {
  const Item row = {.ids = std::vector<std::int32_t>(16, 1), .type_ids = {}};

  const std::size_t on_cpu = measure_batch_budget(row, Adder("cpu"));
  const std::size_t on_cuda = measure_batch_budget(row, Adder("cuda:0"));

  EXPECT_GE(on_cpu, 128U);
  EXPECT_LE(on_cpu, 1024U);
  EXPECT_GE(on_cuda, 2048U);
  EXPECT_LE(on_cuda, 32'768U);
}

TEST(BatchBudget, is_measured_on_a_row_that_the_head_reads) {
  constexpr std::string_view kTokenizer = R"({"added_tokens": [], "normalizer": null,
    "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": null, "decoder": null,
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
              "max_input_chars_per_word": 100, "vocab": {"[UNK]": 0}}})";
  const auto tokenizer = Tokenizer::parse(kTokenizer, "");
  ASSERT_TRUE(tokenizer);

  const Item words = typical_row(**tokenizer, {.max_positions = 7});
  const Item mask = typical_row(**tokenizer, {.head = HeadKind::masked_lm});
  const Item answer = typical_row(**tokenizer, {.head = HeadKind::question_answering});

  EXPECT_EQ(words.ids.size(), 7U);
  EXPECT_EQ(words.wanted, Wanted::mean);
  EXPECT_EQ(mask.wanted, Wanted::masked);
  EXPECT_EQ(mask.positions.size(), 1U);
  EXPECT_EQ(answer.wanted, Wanted::tokens);
}

TEST(BatchBudget, has_a_number_even_if_no_batch_can_be_run) {
  const Adder model;

  EXPECT_EQ(measure_batch_budget({.ids = {kPoison}, .type_ids = {}}, model), 512U);
  EXPECT_EQ(measure_batch_budget({}, model), 512U);
}

}  // namespace
}  // namespace millrace::pipeline
