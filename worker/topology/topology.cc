#include "worker/topology/topology.h"

#include "config/base/log.h"
#include "worker/flow/byte_budget.h"
#include "worker/flow/channel.h"
#include "worker/flow/emitter.h"
#include "worker/flow/poller.h"
#include "worker/flow/signal.h"
#include "worker/flow/stop_reason.h"
#include "worker/stages/graph_run.h"
#include "worker/stages/pool.h"
#include "worker/stages/runner.h"
#include "worker/topology/build.h"
#include "worker/topology/loop_thread.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

namespace millrace::worker {
namespace {

using namespace std::chrono_literals;

/// A loop that has not ticked for so long is stuck. A batch on a slow machine may take long, so
/// runners are not judged.
constexpr std::chrono::seconds kStuckAfter{30};
constexpr std::chrono::seconds kRateWindow{2};
constexpr std::uint32_t kMostPoolThreads = 4;
constexpr std::chrono::milliseconds kAbandonDeadline{1000};
constexpr int kExitNotDrained = 6;

/// The cores this process may use, which in a container are fewer than the machine has.
std::uint32_t usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    return static_cast<std::uint32_t>(std::max(1, CPU_COUNT(&set)));
  return std::max(1U, std::thread::hardware_concurrency());
}

/// What is in flight is what a crash repeats. Without a model a repetition costs next to nothing,
/// and the way to the broker and back is what has to be filled.
std::size_t records_in_flight(const TopologySpec& spec) {
  const bool has_pipeline =
      std::any_of(spec.stages.begin(), spec.stages.end(), [](const auto& stage) {
        return stage.second.pipeline.has_value();
      });
  return spec.limits.max_records_in_flight.value_or(has_pipeline ? 8'192 : 65'536);
}

std::array<std::uint8_t, 16> new_worker_id() {
  std::random_device random;
  std::array<std::uint8_t, 16> id{};
  for (std::uint8_t& byte : id) byte = static_cast<std::uint8_t>(random());
  return id;
}

/// Ends the process if closing hangs in a library.
class Watchdog {
 public:
  explicit Watchdog(std::chrono::milliseconds deadline) {
    thread_ = std::thread([this, until = std::chrono::steady_clock::now() + deadline] {
      while (!done_.closed()) {
        if (done_.wait_until(until)) continue;
        log::error("closing hangs; leaving", {{"exit", kExitNotDrained}});
        log::flush();
        _exit(kExitNotDrained);
      }
    });
  }

  ~Watchdog() {
    done_.close();
    thread_.join();
  }

  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  Signal done_;
  std::thread thread_;
};

void say_why(const Error& error) {
  // That nobody reads any further is how a filter in a pipe mostly ends.
  if (error.code == "PIPE_CLOSED") {
    log::info("stopped", {{"code", error.code}, {"what", error.message}});
  } else {
    log::error("stopped", error);
  }
}

}  // namespace

/// Everything that runs. Members are in the order of their making; what is used outlives its user.
struct Topology::Parts {
  Parts(const CheckedTopology& checked, Metrics& all_metrics)
      : spec(checked.spec),
        metrics(all_metrics),
        budget({.max_records = records_in_flight(checked.spec),
                .max_bytes = checked.spec.limits.max_bytes_in_flight.bytes}),
        stop([this] {
          say_why(*stop.error());
          wake_all();
        }) {}

  void wake_all() {
    for (Signal* signal : {&emitter_signal, &pool_signal, &runner_signal}) signal->notify();
    for (const auto& signal : poller_signals) signal->notify();
  }

  std::size_t in_flight() const;
  bool exhausted() const;
  LedgerCounts ledger() const;

  TopologySpec spec;
  Metrics& metrics;
  SystemClock clock;
  std::string guarantee;

  Signal emitter_signal, pool_signal, runner_signal;
  std::vector<std::unique_ptr<Signal>> poller_signals;
  ByteBudget budget;
  Channel<PassagePtr> inbox{emitter_signal};
  Exit exit{inbox, budget};
  Channel<Chunk> chunks{pool_signal};
  FinishedJobs finished{pool_signal};
  StopReason stop;

  BuiltParts built;
  std::vector<std::string> sink_targets;
  std::unique_ptr<GraphRun> graph;
  std::unique_ptr<Emitter> emitter;
  std::vector<std::unique_ptr<Poller>> pollers;
  std::vector<std::unique_ptr<PoolLoop>> pool;
  std::vector<std::unique_ptr<Runner>> runners;

  std::unique_ptr<LoopThread> emitter_thread;
  std::vector<std::unique_ptr<LoopThread>> poller_threads, pool_threads, runner_threads;

  Instant began{};
  Instant drain_until = Instant::max();
  std::atomic<RunState> state{RunState::starting};
  bool closed = false;

  mutable std::mutex rate_mutex;
  mutable Instant rate_since{};
  mutable std::uint64_t rate_count = 0;
  mutable double rate = 0;
};

std::size_t Topology::Parts::in_flight() const { return ledger().in_flight; }

bool Topology::Parts::exhausted() const {
  return std::all_of(
      pollers.begin(), pollers.end(), [](const auto& poller) { return poller->exhausted(); });
}

LedgerCounts Topology::Parts::ledger() const {
  LedgerCounts total;
  for (const auto& poller : pollers) total += poller->ledgers().total();
  return total;
}

Topology::Topology(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Topology::~Topology() {
  if (!parts_->closed) close(0ms);
}

Topology::Built Topology::build(const CheckedTopology& checked, TopologySurroundings surroundings) {
  auto parts = std::make_unique<Parts>(checked, *surroundings.metrics);
  parts->guarantee = name(weakest(checked.guarantees).guarantee);
  parts->built = build_parts(checked,
                             surroundings,
                             StageSurroundings{.runner_signal = parts->runner_signal,
                                               .finished = parts->finished,
                                               .stop = parts->stop,
                                               .metrics = parts->metrics,
                                               .clock = parts->clock});
  if (!parts->built.errors.empty()) {
    std::vector<Error> errors = std::move(parts->built.errors);
    return {nullptr, std::move(errors)};
  }
  parts->graph = std::make_unique<GraphRun>(std::move(parts->built.graph));
  return {std::unique_ptr<Topology>(new Topology(std::move(parts))), {}};
}

Result<void> Topology::start() {
  Parts& p = *parts_;
  p.began = p.clock.now();
  std::vector<SinkSlot> slots;
  for (BuiltSink& sink : p.built.sinks) {
    if (auto opened = sink.sink->open(); !opened) return opened;
    slots.push_back({sink.name, sink.sink.get()});
  }
  EmitterOptions emitter_options;
  emitter_options.dead_letters = p.built.dead_letters;
  emitter_options.context = p.built.context;
  p.emitter = std::make_unique<Emitter>(
      std::move(slots), std::move(emitter_options), p.exit, p.stop, p.metrics, p.clock);

  PollerOptions poller_options;
  poller_options.commit.interval = p.spec.commit.interval;
  poller_options.commit.max_redo_records = p.spec.commit.max_redo;
  poller_options.commit.worker = new_worker_id();
  poller_options.drain_timeout = p.spec.drain.timeout;
  for (std::size_t i = 0; i < p.built.sources.size(); ++i) {
    BuiltSource& source = p.built.sources[i];
    if (auto opened = source.source->open(); !opened) return opened;
    poller_options.ordering = source.ordering;
    p.poller_signals.push_back(std::make_unique<Signal>());
    p.budget.notify_when_low(*p.poller_signals.back());
    p.pollers.push_back(std::make_unique<Poller>(
        source.name,
        *source.source,
        poller_options,
        p.exit,
        [&p, i](std::vector<FateToken> tokens) {
          p.chunks.push(Chunk{i, std::move(tokens)});
        },
        p.stop,
        p.metrics,
        p.clock));
  }

  const std::uint32_t cores = usable_cores();
  const std::uint32_t pool_threads =
      p.spec.threads.pool.value_or(std::min(cores, kMostPoolThreads));
  std::vector<const InferStage*> stages;
  for (const BuiltPipeline& pipeline : p.built.pipelines) stages.push_back(pipeline.stage);
  const bool on_accelerator = p.built.devices > 0;
  const std::uint32_t runner_threads =
      stages.empty() ? 0 : p.spec.threads.runners.value_or(on_accelerator ? 1 : cores);

  p.emitter_thread = std::make_unique<LoopThread>("emitter", *p.emitter, p.emitter_signal, p.stop);
  for (std::uint32_t i = 0; i < runner_threads; ++i) {
    p.runners.push_back(std::make_unique<Runner>(stages, p.stop, p.clock));
    p.runner_threads.push_back(std::make_unique<LoopThread>(
        fmt::format("runner-{}", i), *p.runners.back(), p.runner_signal, p.stop));
  }
  for (std::uint32_t i = 0; i < pool_threads; ++i) {
    p.pool.push_back(std::make_unique<PoolLoop>(*p.graph, p.chunks, p.finished, p.stop));
    p.pool_threads.push_back(std::make_unique<LoopThread>(
        fmt::format("pool-{}", i), *p.pool.back(), p.pool_signal, p.stop));
  }
  for (std::size_t i = 0; i < p.pollers.size(); ++i) {
    p.poller_threads.push_back(std::make_unique<LoopThread>(
        fmt::format("poller-{}", i), *p.pollers[i], *p.poller_signals[i], p.stop));
  }
  p.state.store(RunState::running, std::memory_order_release);
  log::info("running",
            {{"worker", p.spec.worker},
             {"guarantee", p.guarantee},
             {"pool_threads", std::uint64_t{pool_threads}},
             {"runner_threads", std::uint64_t{runner_threads}}});
  return {};
}

void Topology::drain() {
  Parts& p = *parts_;
  if (p.drain_until != Instant::max()) return;
  log::info("draining", {{"timeout_ms", std::int64_t{p.spec.drain.timeout.count()}}});
  p.state.store(RunState::draining, std::memory_order_release);
  p.drain_until = p.clock.now() + p.spec.drain.timeout;
  for (const auto& poller : p.pollers) poller->drain();
  for (const BuiltPipeline& pipeline : p.built.pipelines) pipeline.stage->queue().drain(true);
  if (p.emitter) p.emitter->drain();
  p.wake_all();
}

bool Topology::over() {
  Parts& p = *parts_;
  if (p.stop.stopped()) return true;
  if (p.drain_until == Instant::max()) {
    if (!p.exhausted()) return false;
    // A bounded source has given everything: nothing comes that a batch could wait for.
    drain();
    return false;
  }
  return p.in_flight() == 0 || p.clock.now() >= p.drain_until;
}

/// Ends what is still in flight, unsettled, while the sources are there: records view their memory.
void Topology::forget_what_is_left(Parts& p) {
  p.inbox.close();
  std::vector<Chunk> chunks;
  p.chunks.pop_all(chunks);
  std::vector<std::shared_ptr<InferJob>> jobs;
  p.finished.pop_all(jobs);
  std::vector<PassagePtr> passages;
  p.inbox.pop_all(passages);
}

Ending Topology::close(std::chrono::milliseconds deadline) {
  Parts& p = *parts_;
  p.closed = true;
  const Watchdog watchdog(deadline + 5s);
  Ending ending;
  ending.drained = p.in_flight() == 0;
  // What has not finished by now is done again anyway: nothing is worth waiting for.
  if (!ending.drained) deadline = std::min(deadline, kAbandonDeadline);
  const auto left = [&p, until = p.clock.now() + deadline] {
    return std::max(std::chrono::duration_cast<std::chrono::milliseconds>(until - p.clock.now()),
                    100ms);
  };
  if (p.emitter) p.emitter->abandon();
  std::mutex problem_mutex;
  std::optional<Error> problem;
  const auto note = [&](Result<void> closed) {
    if (closed) return;
    const std::lock_guard lock(problem_mutex);
    if (!problem) problem = std::move(closed).error();
  };
  // Pollers first: they commit what is settled by now.
  for (std::size_t i = 0; i < p.poller_threads.size(); ++i) {
    Poller& poller = *p.pollers[i];
    p.poller_threads[i]->finish([&] { note(poller.close(left())); });
  }
  for (const auto& thread : p.poller_threads) thread->join_until(Instant::max());
  for (const auto& thread : p.runner_threads) thread->finish();
  for (const auto& thread : p.runner_threads) thread->join_until(Instant::max());
  for (const auto& thread : p.pool_threads) thread->finish();
  for (const auto& thread : p.pool_threads) thread->join_until(Instant::max());
  if (p.emitter_thread) {
    p.emitter_thread->finish([&] { note(p.emitter->close(left())); });
    p.emitter_thread->join_until(Instant::max());
  }
  ending.error = p.stop.error();
  if (!ending.error && problem) {
    say_why(*problem);
    ending.error = problem;
  }
  p.state.store(ending.error ? RunState::failed : RunState::done, std::memory_order_release);
  ending.last = snapshot();
  forget_what_is_left(p);
  return ending;
}

Snapshot Topology::snapshot() const {
  const Parts& p = *parts_;
  const Instant now = p.clock.now();
  Snapshot snapshot;
  snapshot.worker = p.spec.worker;
  snapshot.guarantee = p.guarantee;
  snapshot.state = p.state.load(std::memory_order_acquire);
  if (const auto error = p.stop.error()) snapshot.stopped_because = error->text();
  if (p.emitter_thread == nullptr) return snapshot;  // nothing has begun
  snapshot.ready = snapshot.state == RunState::running && !p.stop.stopped();
  snapshot.uptime = std::chrono::duration_cast<std::chrono::milliseconds>(now - p.began);
  const auto ticks = [&](const LoopThread& thread) {
    return now - thread.last_tick() < kStuckAfter;
  };
  snapshot.alive = std::all_of(p.poller_threads.begin(),
                               p.poller_threads.end(),
                               [&](const auto& t) { return ticks(*t); }) &&
                   ticks(*p.emitter_thread);
  for (const auto& poller : p.pollers) {
    const PollerProgress progress = poller->progress();
    for (const auto& row : progress.partitions) {
      snapshot.partitions.push_back({poller->name(),
                                     row.topic,
                                     row.partition,
                                     row.position,
                                     std::max<std::int64_t>(row.committed, 0),
                                     row.end});
    }
    if (progress.bytes_read)
      snapshot.bytes_read = snapshot.bytes_read.value_or(0) + *progress.bytes_read;
    if (progress.bytes_total)
      snapshot.bytes_total = snapshot.bytes_total.value_or(0) + *progress.bytes_total;
    snapshot.paused = snapshot.paused || poller->paused();
  }
  const LedgerCounts ledger = p.ledger();
  snapshot.ledger = {.received = ledger.received,
                     .published = ledger.published,
                     .filtered = ledger.filtered,
                     .dead_lettered = ledger.dead_lettered,
                     .already_done = ledger.already_done,
                     .discarded = ledger.discarded,
                     .in_flight = ledger.in_flight};
  snapshot.in_flight_bytes = p.budget.bytes();
  for (const BuiltPipeline& pipeline : p.built.pipelines) {
    const InferCounts counts = pipeline.stage->counts();
    snapshot.stages.push_back({.name = pipeline.name,
                               .kind = pipeline.kind,
                               .detail = pipeline.detail,
                               .batches = counts.batches,
                               .rows = counts.rows,
                               .tokens = counts.tokens,
                               .budget_tokens = counts.budget_tokens,
                               .queued_rows = counts.queued_rows,
                               .forward_p50_ms = counts.forward_p50_ms});
  }
  const auto counts = p.emitter->counts();
  for (std::size_t i = 0; i < counts.size(); ++i) {
    snapshot.sinks.push_back(
        {counts[i].name, p.built.sinks[i].target, counts[i].delivered, counts[i].outstanding});
  }
  const std::uint64_t done = ledger.published + ledger.filtered + ledger.dead_lettered;
  const std::lock_guard lock(p.rate_mutex);
  if (p.rate_since == Instant{}) p.rate_since = p.began;
  const auto window = std::chrono::duration<double>(now - p.rate_since).count();
  const bool first = p.rate == 0 && window > 0.2;
  if (first || now - p.rate_since >= kRateWindow) {
    p.rate = static_cast<double>(done - p.rate_count) / window;
    p.rate_since = now;
    p.rate_count = done;
  }
  snapshot.records_per_second = p.rate;
  return snapshot;
}

}  // namespace millrace::worker
