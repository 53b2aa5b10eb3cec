#include "worker/stages/isolate.h"

#include <cmath>
#include <map>
#include <set>

#include <gmock/gmock.h>

namespace millrace::worker {
namespace {

std::vector<Row> rows_of(std::size_t count, std::size_t tokens = 1) {
  std::vector<Row> rows;
  for (std::size_t i = 0; i < count; ++i) {
    auto job = std::make_shared<InferJob>();
    pipeline::Item item;
    item.ids.assign(tokens, static_cast<std::int32_t>(i));
    job->prepared.items.push_back(std::move(item));
    rows.push_back({std::move(job), 0});
  }
  return rows;
}

std::int32_t number_of(const Row& row) { return row.content().ids.front(); }

/// A model of which some rows are bad, and which counts its calls.
struct Model {
  std::set<std::int32_t> bad;
  std::size_t memory = 1'000'000;
  Errc kind = Errc::internal;
  std::size_t calls = 0;
  std::map<std::int32_t, int> spoiled;  // fails so often, then never again

  Result<pipeline::Output> operator()(std::span<const Row> rows) {
    ++calls;
    std::size_t tokens = 0;
    pipeline::Output output;
    output.begin.push_back(0);
    for (const Row& row : rows) {
      tokens += row.content().cost();
      if (bad.count(number_of(row)) != 0) return error(kind, "FORWARD_FAILED", "bad row");
      if (auto left = spoiled.find(number_of(row)); left != spoiled.end() && left->second-- > 0) {
        return error(Errc::internal, "FORWARD_FAILED", "once");
      }
      output.values.push_back(static_cast<float>(number_of(row)));
      output.begin.push_back(output.values.size());
      output.width.push_back(1);
    }
    if (tokens > memory) return error(Errc::resource_exhausted, "OUT_OF_MEMORY", "full");
    return output;
  }
};

struct Outcome {
  Isolated isolated;
  std::map<std::size_t, float> done;
};

Outcome run(Model& model, const std::vector<Row>& rows, std::uint32_t retries = 0) {
  Outcome outcome;
  outcome.isolated = isolate(
      rows,
      [&](std::span<const Row> some) { return model(some); },
      retries,
      [&](std::size_t row, const pipeline::RowView& values) {
        EXPECT_TRUE(outcome.done.emplace(row, values.values[0]).second) << "a row was done twice";
      });
  return outcome;
}

TEST(Isolate, costs_one_call_when_all_is_well) {
  Model model;
  const auto outcome = run(model, rows_of(64));
  EXPECT_EQ(outcome.isolated.calls, 1U);
  EXPECT_EQ(outcome.done.size(), 64U);
}

TEST(Isolate, finds_the_one_bad_row_in_two_calls_a_halving_and_does_its_neighbours) {
  for (const std::size_t size : {2U, 3U, 16U, 33U, 64U}) {
    for (std::size_t place = 0; place < size; ++place) {
      Model model;
      model.bad = {static_cast<std::int32_t>(place)};
      const auto outcome = run(model, rows_of(size));
      ASSERT_EQ(outcome.isolated.blamed.size(), 1U);
      EXPECT_EQ(outcome.isolated.blamed[0].row, place);
      EXPECT_EQ(outcome.isolated.blamed[0].attempts, 2U);
      EXPECT_EQ(outcome.done.size(), size - 1);
      for (const auto& [row, value] : outcome.done) EXPECT_EQ(value, static_cast<float>(row));
      // The first call, two for each halving, and the second trial alone.
      const auto halvings = static_cast<std::size_t>(std::ceil(std::log2(size)));
      EXPECT_LE(outcome.isolated.calls, 1 + 2 * halvings + 1);
    }
  }
}

TEST(Isolate, blames_nobody_for_a_failure_that_does_not_come_again) {
  Model model;
  model.spoiled = {{3, 4}};  // the batch, two halvings and once alone
  const auto outcome = run(model, rows_of(8));
  EXPECT_TRUE(outcome.isolated.blamed.empty());
  EXPECT_EQ(outcome.done.size(), 8U);
}

TEST(Isolate, finds_several_bad_rows) {
  Model model;
  model.bad = {0, 5, 31};
  const auto outcome = run(model, rows_of(32));
  std::set<std::size_t> blamed;
  for (const auto& one : outcome.isolated.blamed) blamed.insert(one.row);
  EXPECT_THAT(blamed, testing::ElementsAre(0, 5, 31));
  EXPECT_EQ(outcome.done.size(), 29U);
}

TEST(Isolate, tries_a_bad_row_as_often_as_it_is_told) {
  Model model;
  model.bad = {0};
  EXPECT_EQ(run(model, rows_of(1), 3).isolated.blamed[0].attempts, 5U);
}

TEST(Isolate, halves_by_cost_when_memory_runs_out_and_says_what_fits) {
  Model model;
  model.memory = 20;
  const auto outcome = run(model, rows_of(16, 4));
  EXPECT_EQ(outcome.done.size(), 16U);
  EXPECT_TRUE(outcome.isolated.blamed.empty());
  ASSERT_TRUE(outcome.isolated.lower_cost);
  EXPECT_LE(*outcome.isolated.lower_cost, 20U);
}

TEST(Isolate, a_row_that_does_not_fit_alone_is_named_so) {
  Model model;
  model.memory = 20;
  auto rows = rows_of(3, 4);
  rows[1].job->prepared.items[0].ids.assign(50, 1);
  const auto outcome = run(model, rows);
  ASSERT_EQ(outcome.isolated.blamed.size(), 1U);
  EXPECT_EQ(outcome.isolated.blamed[0].error.code, "TOO_BIG_FOR_MEMORY");
  EXPECT_EQ(outcome.done.size(), 2U);
}

TEST(Isolate, stops_at_once_when_the_device_is_gone) {
  Model model;
  model.bad = {7};
  model.kind = Errc::device_lost;
  const auto outcome = run(model, rows_of(16));
  EXPECT_TRUE(outcome.isolated.stop);
  EXPECT_EQ(outcome.isolated.calls, 1U);
  EXPECT_TRUE(outcome.isolated.blamed.empty());
}

}  // namespace
}  // namespace millrace::worker
