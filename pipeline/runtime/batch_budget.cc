#include "pipeline/runtime/batch_budget.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <span>
#include <utility>
#include <vector>

namespace millrace::pipeline {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kFallback = 512;
constexpr std::chrono::milliseconds kTime{150};
/// A larger batch must do so much better to be worth its wait.
constexpr double kWorthwhile = 1.05;
constexpr std::array<std::size_t, 4> kOnCpu = {128, 256, 512, 1024};
constexpr std::array<std::size_t, 5> kOnAccelerator = {2048, 4096, 8192, 16384, 32768};

/// About as long as a tweet or a sentence of a review.
constexpr const char* kText =
    "the quick brown fox jumps over the lazy dog and runs away into the dark wood behind the house";

Wanted wanted_of(HeadKind head) {
  switch (head) {
    case HeadKind::none:
      return Wanted::mean;
    case HeadKind::sequence_classification:
      return Wanted::head;
    case HeadKind::token_classification:
    case HeadKind::question_answering:
      return Wanted::tokens;
    case HeadKind::masked_lm:
      return Wanted::masked;
  }
  return Wanted::mean;
}

}  // namespace

Item typical_row(const Tokenizer& tokenizer, const ModelFacts& facts) {
  Item row;
  row.wanted = wanted_of(facts.head);
  auto encoding = tokenizer.encode(kText);
  if (!encoding) return row;
  row.ids = std::move(encoding->ids);
  if (!fits(row.ids, facts.max_positions, facts.unplaced)) row.ids.resize(facts.max_positions);
  if (row.wanted == Wanted::masked) row.positions = {0};
  return row;
}

std::size_t measure_batch_budget(const Item& row, const Model& model) {
  if (row.ids.empty()) return kFallback;
  const auto workspace = model.make_workspace();
  const bool on_cpu = model.facts().device == "cpu";
  const auto sizes =
      on_cpu ? std::span<const std::size_t>(kOnCpu) : std::span<const std::size_t>(kOnAccelerator);
  const auto began = steady_clock::now();
  std::size_t best = 0;
  double best_rate = 0;
  for (const std::size_t tokens : sizes) {
    const std::vector<const Item*> rows(std::max<std::size_t>(1, tokens / row.cost()), &row);
    const Batch batch = pack(rows);
    if (best == 0 && !model.forward(batch, *workspace))
      return kFallback;  // the first run also warms up
    const auto begin = steady_clock::now();
    if (!model.forward(batch, *workspace)) break;
    const std::chrono::duration<double> took = steady_clock::now() - begin;
    const double rate = static_cast<double>(batch.tokens()) / took.count();
    if (rate > best_rate * kWorthwhile) {
      best = tokens;
      best_rate = rate;
    }
    if (steady_clock::now() - began > kTime) break;
  }
  return best == 0 ? kFallback : best;
}

}  // namespace millrace::pipeline
