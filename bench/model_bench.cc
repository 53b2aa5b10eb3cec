// Runs batches of tweet-length rows through a text encoder on several threads, for each of several
// token budgets.
//
//   model_bench FOLDER [THREADS [RECORDS [MEAN_TOKENS [BUDGET]]]]
//
// The ids are random: the arithmetic does not depend on them. Rows are sorted by length and cut by
// the budget, as the runtime does; every thread takes the next batch. GFLOP/s counts the matrix
// products of the layers only.
#include "config/base/json.h"
#include "pipeline/contract/item.h"
#include "pipeline/models/table.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/resource.h>

namespace {

using namespace millrace;            // NOLINT(google-build-using-namespace)
using namespace millrace::pipeline;  // NOLINT(google-build-using-namespace)
using Seconds = std::chrono::duration<double>;
using Steady = std::chrono::steady_clock;

std::vector<Item> make_items(std::size_t count, double mean, std::size_t vocabulary) {
  std::mt19937 random(
      1);  // NOLINT(bugprone-random-generator-seed): every run measures the same rows
  std::gamma_distribution<double> length(4.0, (mean - 3.0) / 4.0);
  std::uniform_int_distribution<std::int32_t> id(0, static_cast<std::int32_t>(vocabulary) - 1);
  std::vector<Item> items(count);
  for (Item& item : items) {
    const double drawn = std::clamp(3.0 + length(random), 3.0, 128.0);
    item.ids.resize(static_cast<std::size_t>(std::lround(drawn)));
    for (std::int32_t& value : item.ids) value = id(random);
    item.wanted = Wanted::mean;
  }
  std::stable_sort(
      items.begin(), items.end(), [](const Item& a, const Item& b) { return a.cost() < b.cost(); });
  return items;
}

std::vector<Batch> cut(const std::vector<Item>& items, std::size_t budget) {
  std::vector<Batch> batches;
  std::vector<const Item*> open;
  std::size_t tokens = 0;
  const auto close = [&] {
    if (!open.empty()) batches.push_back(pack(open));
    open.clear();
    tokens = 0;
  };
  for (const Item& item : items) {
    if (tokens + item.cost() > budget) close();
    open.push_back(&item);
    tokens += item.cost();
  }
  close();
  return batches;
}

double run(const Model& model, const std::vector<Batch>& batches, std::size_t threads) {
  std::atomic<std::size_t> next = 0;
  const auto start = Steady::now();
  std::vector<std::thread> team;
  for (std::size_t i = 0; i < threads; ++i) {
    team.emplace_back([&] {
      const auto workspace = model.make_workspace();
      for (std::size_t b = next++; b < batches.size(); b = next++) {
        if (const auto output = model.forward(batches[b], *workspace); !output) {
          fmt::print(stderr, "{}\n", output.error().text());
          std::exit(EXIT_FAILURE);
        }
      }
    });
  }
  for (std::thread& thread : team) thread.join();
  return Seconds(Steady::now() - start).count();
}

long peak_mib() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: model_bench FOLDER [THREADS [RECORDS [MEAN_TOKENS [BUDGET]]]]\n");
    return EXIT_FAILURE;
  }
  const auto number = [&](int at, double absent) {
    return argc > at ? std::atof(argv[at]) : absent;
  };
  const auto threads = static_cast<std::size_t>(number(2, 2));
  const auto records = static_cast<std::size_t>(number(3, 2000));
  const double mean = number(4, 24);
  const std::string folder = argv[1];
  std::ifstream stream(folder + "/config.json", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  auto config = config::parse_json(text, config::JsonLimits::model_file());
  if (!config) {
    fmt::print(stderr, "{}\n", config.error().text());
    return EXIT_FAILURE;
  }
  const std::string type = config->value("model_type", "");
  const auto layers = config->value("num_hidden_layers", config->value("n_layers", 0.0));
  const auto inner = config->value("intermediate_size", config->value("hidden_dim", 0.0));
  ModelRequest request;
  request.folder = folder;
  request.config = std::make_shared<const Json>(*std::move(config));
  const auto all = architectures();
  const auto found = std::find_if(
      all.begin(), all.end(), [&](const Architecture& a) { return a.model_type == type; });
  if (found == all.end()) {
    fmt::print(stderr, "model_type {} is not in the table\n", type);
    return EXIT_FAILURE;
  }
  const auto start = Steady::now();
  const BuiltModel built = found->build(request);
  for (const Error& what : built.errors) fmt::print(stderr, "{}\n", what.text());
  if (!built.errors.empty()) return EXIT_FAILURE;
  fmt::print(
      "loaded in {:.2f} s, peak {} MiB\n", Seconds(Steady::now() - start).count(), peak_mib());

  const auto width = static_cast<double>(built.model->facts().width);
  const double flop_per_token = 2 * layers * (4 * width * width + 2 * width * inner);
  const std::vector<Item> items = make_items(records, mean, built.model->facts().vocab_size);
  std::size_t tokens = 0;
  for (const Item& item : items) tokens += item.cost();
  fmt::print("{} records, {:.1f} tokens each, {} threads\n",
             records,
             static_cast<double>(tokens) / static_cast<double>(records),
             threads);
  std::vector<std::size_t> budgets = {64, 128, 256, 512, 1024, 2048};
  if (argc > 5) budgets = {static_cast<std::size_t>(number(5, 512))};
  for (const std::size_t budget : budgets) {
    const std::vector<Batch> batches = cut(items, budget);
    run(*built.model, batches, threads);
    double best = run(*built.model, batches, threads);
    for (int repeat = 0; repeat < 2; ++repeat)
      best = std::min(best, run(*built.model, batches, threads));
    fmt::print("budget {:5}: {:7.1f} records/s, {:6.1f} GFLOP/s, peak {} MiB\n",
               budget,
               static_cast<double>(records) / best,
               static_cast<double>(tokens) * flop_per_token / best / 1e9,
               peak_mib());
  }
  return EXIT_SUCCESS;
}
