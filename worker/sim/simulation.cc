#include "worker/sim/simulation.h"

#include "config/base/clock.h"
#include "config/base/metrics.h"
#include "config/schema/document.h"
#include "worker/flow/byte_budget.h"
#include "worker/flow/channel.h"
#include "worker/flow/emitter.h"
#include "worker/flow/poller.h"
#include "worker/flow/signal.h"
#include "worker/flow/stop_reason.h"
#include "worker/sim/random.h"
#include "worker/sim/world.h"
#include "worker/stages/filter.h"
#include "worker/stages/graph_run.h"
#include "worker/stages/infer.h"
#include "worker/stages/pool.h"
#include "worker/stages/runner.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::worker {
namespace {

using namespace std::chrono_literals;

constexpr std::int32_t kPoisonId = 666;
constexpr std::int32_t kNanId = 777;
/// A run that takes longer has got stuck.
constexpr std::size_t kMaxSteps = 400'000;

/// What a seed chooses.
struct Scenario {
  Ordering ordering = Ordering::partition;
  std::size_t max_records = 64;
  BatchLimits batch;
  std::size_t model_memory = 0;  // tokens; 0 is enough for all
  std::size_t flaky_one_in = 0;  // batches that fail for no reason
  std::size_t kill_one_in = 0;   // steps
  std::size_t drain_one_in = 0;
  std::size_t restarts = 0;  // at most
  Faults faults;

  static Scenario drawn(Random& random);

  bool may_repeat() const {
    return restarts > 0 || faults.revoke + faults.lose + faults.sink_away + faults.ack_lost != 0;
  }

  std::string text() const;
};

Scenario Scenario::drawn(Random& random) {
  const auto sometimes = [&](std::size_t least, std::size_t most) {
    return random.one_in(2) ? std::size_t{0} : random.between(least, most);
  };
  Scenario scenario;
  const Ordering orderings[] = {Ordering::partition, Ordering::key, Ordering::none};
  scenario.ordering = orderings[random.below(3)];
  scenario.max_records = random.between(1, 120);
  scenario.batch = {.max_cost = random.between(1, 80),
                    .max_rows = random.between(1, 32),
                    .max_bytes = random.between(16, 4096),
                    .deadline = std::chrono::milliseconds(random.below(50))};
  scenario.model_memory = sometimes(8, 60);
  scenario.flaky_one_in = sometimes(10, 60);
  scenario.faults.source_away = sometimes(20, 200);
  scenario.faults.commit_fails = sometimes(3, 20);
  scenario.faults.revoke = sometimes(50, 600);
  scenario.faults.lose = sometimes(100, 900);
  scenario.faults.sink_full = sometimes(2, 20);
  scenario.faults.sink_away = sometimes(30, 300);
  scenario.faults.ack_lost = sometimes(20, 200);
  scenario.faults.too_large = sometimes(40, 200);
  scenario.restarts = random.one_in(2) ? 0 : random.between(1, 6);
  scenario.kill_one_in = random.between(200, 3000);
  scenario.drain_one_in = random.between(500, 6000);
  return scenario;
}

std::string Scenario::text() const {
  return fmt::format(
      "ordering {} in-flight {} batch {}/{}/{} deadline {} memory {} flaky {} source_away {} "
      "commit_fails {} revoke {} lose {} "
      "full {} away {} ack_lost {} too_large {} restarts {}",
      static_cast<int>(ordering),
      max_records,
      batch.max_cost,
      batch.max_rows,
      batch.max_bytes,
      batch.deadline.count(),
      model_memory,
      flaky_one_in,
      faults.source_away,
      faults.commit_fails,
      faults.revoke,
      faults.lose,
      faults.sink_full,
      faults.sink_away,
      faults.ack_lost,
      faults.too_large,
      restarts);
}

/// Rows by the sort of the record; the ids carry what the model is to do.
class SimTask final : public pipeline::Task {
 public:
  Result<pipeline::Prepared> prepare(const Json& input) const override {
    const auto sort = static_cast<Sort>(input["sort"].get<int>());
    if (sort == Sort::wrong_type) return error(Errc::invalid_input, "BAD_INPUT", "simulated");
    const auto offset = input["o"].get<std::int64_t>();
    pipeline::Prepared prepared;
    std::size_t rows = 1;
    if (sort == Sort::no_rows) rows = 0;
    if (sort == Sort::many_rows) rows = 3;
    for (std::size_t row = 0; row < rows; ++row) {
      pipeline::Item item;
      item.ids.assign(static_cast<std::size_t>(1 + (offset + static_cast<std::int64_t>(row)) % 7),
                      1);
      if (sort == Sort::poison) item.ids.front() = kPoisonId;
      if (sort == Sort::not_finite) item.ids.front() = kNanId;
      prepared.items.push_back(std::move(item));
    }
    return prepared;
  }

  Result<Json> finish(const pipeline::Prepared& prepared,
                      std::span<const pipeline::RowView> rows) const override {
    if (rows.size() != prepared.items.size())
      return error(Errc::internal, "BUG", "rows are missing");
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (std::isnan(rows[i].values[0]))
        return error(Errc::invalid_input, "NONFINITE", "simulated");
      if (rows[i].values[0] != static_cast<float>(prepared.items[i].ids.size())) {
        return error(Errc::internal, "BUG", "a row came back to the wrong record");
      }
    }
    return Json(rows.size());
  }
};

class SimWorkspace final : public pipeline::Workspace {};

/// Gives the length of each row, and fails as told.
class SimModel final : public pipeline::Model {
 public:
  SimModel(const Scenario& scenario, Random& random) : scenario_(scenario), random_(random) {
    facts_.device = "sim";
  }

  const pipeline::ModelFacts& facts() const override { return facts_; }

  std::unique_ptr<pipeline::Workspace> make_workspace() const override {
    return std::make_unique<SimWorkspace>();
  }

  Result<pipeline::Output> forward(const pipeline::Batch& batch,
                                   pipeline::Workspace&) const override {
    if (scenario_.model_memory != 0 && batch.tokens() > scenario_.model_memory) {
      return error(Errc::resource_exhausted, "OUT_OF_MEMORY", "simulated");
    }
    // A single row is spared, so that nobody is blamed for what is nobody's fault.
    if (batch.rows() > 1 && scenario_.flaky_one_in != 0 && random_.one_in(scenario_.flaky_one_in)) {
      return error(Errc::internal, "FORWARD_FAILED", "simulated");
    }
    pipeline::Output output;
    output.begin.push_back(0);
    for (std::size_t row = 0; row < batch.rows(); ++row) {
      const auto begin = static_cast<std::size_t>(batch.row_begin[row]);
      const auto end = static_cast<std::size_t>(batch.row_begin[row + 1]);
      const std::int32_t first = batch.ids[begin];
      if (first == kPoisonId) return error(Errc::internal, "FORWARD_FAILED", "simulated poison");
      output.values.push_back(first == kNanId ? std::numeric_limits<float>::quiet_NaN()
                                              : static_cast<float>(end - begin));
      output.begin.push_back(output.values.size());
      output.width.push_back(1);
    }
    return output;
  }

 private:
  const Scenario& scenario_;
  Random& random_;
  pipeline::ModelFacts facts_;
};

Condition not_dropped() {
  config::Issues issues;
  const auto node = config::parse_yaml(
      fmt::format("{{not: {{path: /sort, eq: {}}}}}", static_cast<int>(Sort::dropped)), {}, issues);
  config::Reading reading;
  return *Condition::parse(*node, "", reading);
}

/// One process: made, stepped, and killed or drained.
class SimWorker {
 public:
  SimWorker(World& world, const Scenario& scenario, Random& random, ManualClock& clock)
      : world_(world),
        random_(random),
        clock_(clock),
        budget_({.max_records = scenario.max_records, .max_bytes = 1U << 20U}),
        source_(make_sim_source(world, random, scenario.faults)),
        results_(make_sim_sink(world, random, scenario.faults, Due::published)),
        letters_(make_sim_sink(world, random, scenario.faults, Due::dead_lettered)) {
    EmitterOptions emitter_options;
    emitter_options.dead_letters = SinkId{1};
    emitter_ = std::make_unique<Emitter>(
        std::vector<SinkSlot>{{"out", results_.get()}, {"dead", letters_.get()}},
        emitter_options,
        exit_,
        stop_,
        metrics_,
        clock);
    make_graph(scenario);
    PollerOptions poller_options;
    poller_options.ordering = scenario.ordering;
    poller_options.commit.interval = std::chrono::milliseconds(random.between(10, 1000));
    poller_options.commit.max_redo_records = random.between(1, 500);
    poller_options.max_poll_records = random.between(1, 50);
    poller_options.poll_wait = 0ms;
    poller_options.hold = std::chrono::milliseconds(random.below(100));
    poller_ = std::make_unique<Poller>(
        "sim",
        *source_,
        poller_options,
        exit_,
        [this](std::vector<FateToken> tokens) {
          chunks_.push(Chunk{0, std::move(tokens)});
        },
        stop_,
        metrics_,
        clock);
    loops_ = {poller_.get(), emitter_.get()};
    for (int i = 0; i < 2; ++i) {
      pool_.push_back(std::make_unique<PoolLoop>(*graph_, chunks_, finished_, stop_));
      runners_.push_back(
          std::make_unique<Runner>(std::vector<const InferStage*>{infer_}, stop_, clock));
      loops_.push_back(pool_.back().get());
      loops_.push_back(runners_.back().get());
    }
  }

  ~SimWorker() {
    // As a kill leaves it: nothing more is written, tokens are lost.
    emitter_->abandon();
    inbox_.close();
    std::vector<Chunk> chunks;
    chunks_.pop_all(chunks);
    std::vector<std::shared_ptr<InferJob>> jobs;
    finished_.pop_all(jobs);
  }

  SimWorker(const SimWorker&) = delete;
  SimWorker& operator=(const SimWorker&) = delete;

  /// Steps a loop drawn at random; when all rest, the clock goes on.
  void step() {
    const std::size_t i = random_.below(loops_.size());
    const Progress progress = loops_[i]->step();
    idle_ = progress.did_work ? 0 : idle_ + 1;
    if (idle_ > 4 * loops_.size()) {
      clock_.advance(std::chrono::milliseconds(random_.between(1, 40)));
      idle_ = 0;
    } else if (random_.one_in(8)) {
      clock_.advance(std::chrono::microseconds(random_.between(1, 3000)));
    }
    look();
  }

  void drain() {
    poller_->drain();
    emitter_->drain();
    infer_->queue().drain(true);
    draining_ = true;
  }

  bool draining() const { return draining_; }

  bool drained() const { return poller_->ledgers().total().in_flight == 0; }

  void close() {
    if (auto closed = poller_->close(1s); !closed)
      world_.complain("close: " + closed.error().text());
  }

 private:
  void make_graph(const Scenario& scenario) {
    InferOptions options;
    options.name = "sim";
    options.write = *Pointer::parse("/result");
    options.batch = scenario.batch;
    auto infer = std::make_unique<InferStage>(std::move(options),
                                              std::make_shared<SimTask>(),
                                              std::make_shared<SimModel>(scenario, random_),
                                              runner_signal_,
                                              finished_,
                                              stop_,
                                              metrics_,
                                              clock_);
    infer_ = infer.get();
    RunnableGraph graph;
    Inlet inlet;
    inlet.name = "sim";
    inlet.decode_name = "json";
    inlet.decode = std::make_unique<SimCodec>();
    inlet.targets = {{Target::Kind::stage, 0}};
    graph.inlets.push_back(std::move(inlet));
    graph.stages.push_back({"sim", std::move(infer), {{{Target::Kind::stage, 1}}}});
    graph.stages.push_back(
        {"kept", std::make_unique<FilterStage>(not_dropped()), {{{Target::Kind::outlet, 0}}}});
    Outlet outlet;
    outlet.name = "out";
    outlet.sink = SinkId{0};
    outlet.encode_name = "json";
    outlet.encode = std::make_unique<SimCodec>();
    graph.outlets.push_back(std::move(outlet));
    graph_ = std::make_unique<GraphRun>(std::move(graph));
  }

  /// The codec of JSON lives in a room that this one does not see; this one is as strict.
  class SimCodec final : public connectors::Codec {
   public:
    Result<Document> decode(const connectors::Record& record) const override {
      auto json = config::parse_json(record.value.view(), config::JsonLimits::record());
      if (!json) return std::move(json).error();
      return Document(*std::move(json));
    }

    Result<Bytes> encode(const Document& document) const override {
      std::string text;
      if (auto written = config::write_json(*document, text); !written)
        return std::move(written).error();
      return Bytes::owning(std::move(text));
    }
  };

  void look() {
    const LedgerCounts total = poller_->ledgers().total();
    if (!total.balanced()) world_.complain("the ledger is wrong");
    if (budget_.records() > budget_.options().max_records)
      world_.complain("more is in flight than may be");
    if (const auto problem = stop_.error())
      world_.complain("the worker stopped: " + problem->text());
  }

  World& world_;
  Random& random_;
  ManualClock& clock_;
  Metrics metrics_;
  Signal emitter_signal_, pool_signal_, runner_signal_;
  ByteBudget budget_;
  Channel<PassagePtr> inbox_{emitter_signal_};
  Exit exit_{inbox_, budget_};
  Channel<Chunk> chunks_{pool_signal_};
  FinishedJobs finished_{pool_signal_};
  StopReason stop_;
  std::unique_ptr<connectors::Source> source_;
  std::unique_ptr<connectors::Sink> results_, letters_;
  std::unique_ptr<Emitter> emitter_;
  const InferStage* infer_ = nullptr;
  std::unique_ptr<GraphRun> graph_;
  std::unique_ptr<Poller> poller_;
  std::vector<std::unique_ptr<PoolLoop>> pool_;
  std::vector<std::unique_ptr<Runner>> runners_;
  std::vector<Loop*> loops_;
  std::size_t idle_ = 0;
  bool draining_ = false;
};

}  // namespace

SimulationReport simulate(std::uint64_t seed) {
  Random random(seed);
  const Scenario scenario = Scenario::drawn(random);
  World world(random);
  ManualClock clock;
  clock.advance(1h);
  SimulationReport report;
  report.scenario = scenario.text();
  report.records = world.records();
  std::size_t restarts_left = scenario.restarts;
  auto worker = std::make_unique<SimWorker>(world, scenario, random, clock);
  report.workers = 1;
  while (!world.finished() && world.violations().empty()) {
    if (++report.steps > kMaxSteps) {
      world.complain(
          fmt::format("stuck: {} of {} records have arrived", world.arrivals(), world.records()));
      break;
    }
    worker->step();
    const bool killed = restarts_left > 0 && random.one_in(scenario.kill_one_in);
    if (restarts_left > 0 && !worker->draining() && random.one_in(scenario.drain_one_in))
      worker->drain();
    const bool left = worker->draining() && worker->drained();
    if (left) worker->close();
    if (killed || left) {
      restarts_left -= killed ? 1 : 0;
      worker.reset();
      worker = std::make_unique<SimWorker>(world, scenario, random, clock);
      ++report.workers;
    }
  }
  worker.reset();
  if (world.violations().empty()) {
    world.judge(scenario.ordering == Ordering::partition,
                scenario.ordering == Ordering::key,
                scenario.may_repeat(),
                scenario.faults.too_large != 0);
  }
  report.violations = world.violations();
  report.arrivals = world.arrivals();
  return report;
}

}  // namespace millrace::worker
