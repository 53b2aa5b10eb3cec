#include "config/base/clock.h"
#include "config/base/log.h"
#include "config/base/metrics.h"
#include "connectors/memory/sink.h"
#include "connectors/memory/source.h"
#include "worker/flow/byte_budget.h"
#include "worker/flow/channel.h"
#include "worker/flow/emitter.h"
#include "worker/flow/poller.h"
#include "worker/flow/signal.h"
#include "worker/flow/stop_reason.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <limits>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

// What a record costs on its way through worker/flow when nothing is done to it.
//
//     flow_bench [records] [rounds]
//
// Rows: `memory` has the connectors of the tests on both ends, which keep every record; `bare` has
// ends that cost next to nothing, so that what is left is the flow itself. `pair` is one thread
// with the poller and the pool's work and one with the emitter; `one` is everything on one thread,
// whose time per record is the work of both. `pool` puts one thread of its own between the two.
// Each row is the median of the rounds.

namespace {

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::worker;

constexpr std::int32_t kPartitions = 4;
constexpr std::size_t kValueBytes = 200;

/// Makes records of one value, as fast as they are asked for.
class BareSource final : public connectors::Source {
 public:
  explicit BareSource(std::size_t records) : records_(records) {
    for (std::int32_t p = 0; p < kPartitions; ++p) leases_.push_back(connectors::new_lease());
  }

  Result<void> open() override { return {}; }

  Result<connectors::Polled> poll(std::chrono::milliseconds /*wait*/, std::size_t most) override {
    connectors::Polled polled;
    if (!announced_) {
      announced_ = true;
      for (std::size_t p = 0; p < leases_.size(); ++p) {
        polled.events.emplace_back(
            connectors::Assigned{leases_[p], "bare", static_cast<std::int32_t>(p), 0, {}});
      }
    }
    // Each poll brings one partition, as a fetch of Kafka mostly does.
    const std::size_t p = turn_++ % leases_.size();
    const std::size_t count = paused_ ? 0 : std::min(most, records_ - made_);
    polled.records.resize(count);
    for (connectors::Record& record : polled.records) {
      record.origin = {"bare", static_cast<std::int32_t>(p), offsets_[p]++, leases_[p]};
      record.value = value_;
      record.size_bytes = value_.size();
    }
    made_ += count;
    polled.exhausted = made_ == records_;
    return polled;
  }

  void pause(std::span<const connectors::LeaseId> /*leases*/) override { paused_ = true; }

  void resume(std::span<const connectors::LeaseId> /*leases*/) override { paused_ = false; }

  Result<void> commit(std::span<const connectors::Position> /*positions*/) override { return {}; }

  Result<void> release(std::span<const connectors::LeaseId> /*leases*/,
                       std::span<const connectors::Position> /*positions*/) override {
    return {};
  }

  Result<void> close(std::span<const connectors::Position> /*positions*/,
                     std::chrono::milliseconds /*deadline*/) override {
    return {};
  }

  connectors::SourceProgress progress() const override { return {}; }

  bool keeps_positions() const override { return true; }

 private:
  std::size_t records_;
  std::size_t made_ = 0;
  std::size_t turn_ = 0;
  bool announced_ = false;
  bool paused_ = false;
  std::vector<connectors::LeaseId> leases_;
  std::vector<std::int64_t> offsets_ = std::vector<std::int64_t>(kPartitions);
  Bytes value_ = Bytes::owning(std::string(kValueBytes, 'x'));
};

/// Takes everything and says so at the next poll.
class BareSink final : public connectors::Sink {
 public:
  Result<void> open() override { return {}; }

  Result<connectors::Accepted> write(connectors::OutRecord& record, std::uint64_t opaque) override {
    const connectors::OutRecord taken = std::move(record);
    waiting_.push_back({opaque, {}});
    return connectors::Accepted::yes;
  }

  Result<void> poll(std::chrono::milliseconds /*wait*/,
                    std::vector<connectors::Verdict>& verdicts) override {
    std::move(waiting_.begin(), waiting_.end(), std::back_inserter(verdicts));
    waiting_.clear();
    return {};
  }

  Result<void> flush() override { return {}; }

  Result<void> close(std::chrono::milliseconds /*deadline*/) override { return {}; }

  std::size_t outstanding() const override { return waiting_.size(); }

 private:
  std::vector<connectors::Verdict> waiting_;
};

enum class Threads { one, pair, pool };

void publish(std::vector<FateToken>& tokens) {
  const SettleBatch settled;
  for (FateToken& token : tokens) {
    connectors::OutRecord out;
    out.key = token.record().key;
    out.value = token.record().value;
    out.timestamp_ms = token.record().timestamp_ms;
    token.publish(0, std::move(out));
  }
}

/// Sends `records` through and returns the seconds it took; nothing if they did not all arrive.
double seconds_for(connectors::Source& source,
                   connectors::Sink& sink,
                   std::size_t records,
                   Ordering ordering,
                   Threads threads) {
  const SystemClock clock;
  Metrics metrics;
  Signal poller_signal, pool_signal, emitter_signal;
  ByteBudget budget;
  budget.notify_when_low(poller_signal);
  Channel<PassagePtr> inbox(emitter_signal);
  Channel<std::vector<FateToken>> work(pool_signal);
  Exit exit{inbox, budget};
  StopReason stop;
  if (!source.open() || !sink.open()) return std::numeric_limits<double>::quiet_NaN();
  Emitter emitter({{"out", &sink}}, {}, exit, stop, metrics, clock);
  PollerOptions options;
  options.ordering = ordering;
  Poller poller(
      "in",
      source,
      options,
      exit,
      [&](std::vector<FateToken> tokens) {
        if (threads == Threads::pool) {
          work.push(std::move(tokens));
        } else {
          publish(tokens);
        }
      },
      stop,
      metrics,
      clock);
  const auto arrived = [&] { return poller.ledgers().total().published >= records; };
  std::atomic<bool> done{false};
  const auto drive = [&](Loop& loop, Signal& signal) {
    while (!done.load(std::memory_order_relaxed) && !stop.stopped()) {
      const Progress progress = loop.step();
      if (!progress.did_work) signal.wait_until(std::min(progress.wake_at, clock.now() + 5ms));
    }
  };

  const Instant begin = clock.now();
  if (threads == Threads::one) {
    while (!arrived() && !stop.stopped()) {
      poller.step();
      emitter.step();
    }
  } else {
    std::thread emitting([&] { drive(emitter, emitter_signal); });
    std::thread pooling([&] {
      std::vector<std::vector<FateToken>> taken;
      while (threads == Threads::pool && !done.load(std::memory_order_relaxed)) {
        if (work.pop_some(taken, 1) == 0) pool_signal.wait_until(clock.now() + 5ms);
        for (auto& tokens : taken) publish(tokens);
        taken.clear();
      }
    });
    while (!arrived() && !stop.stopped()) {
      const Progress progress = poller.step();
      if (!progress.did_work) {
        poller_signal.wait_until(std::min(progress.wake_at, clock.now() + 1ms));
      }
    }
    done.store(true);
    emitter_signal.close();
    pool_signal.close();
    emitting.join();
    pooling.join();
  }
  const double seconds = std::chrono::duration<double>(clock.now() - begin).count();
  const bool whole = !stop.stopped() && poller.ledgers().total().balanced() && arrived();
  const bool closed = static_cast<bool>(poller.close(1s)) && static_cast<bool>(emitter.close(1s));
  return whole && closed ? seconds : std::numeric_limits<double>::quiet_NaN();
}

double one_round(bool memory, std::size_t records, Ordering ordering, Threads threads) {
  if (!memory) {
    BareSource source(records);
    BareSink sink;
    return seconds_for(source, sink, records, ordering, threads);
  }
  connectors::MemorySource source("memory", kPartitions);
  connectors::MemorySink sink;
  const Bytes value = Bytes::owning(std::string(kValueBytes, 'x'));
  for (std::size_t i = 0; i < records; ++i) {
    source.push(static_cast<std::int32_t>(i % kPartitions),
                value,
                Bytes::owning(fmt::format("key-{}", i % 1000)));
  }
  source.finish();
  return seconds_for(source, sink, records, ordering, threads);
}

bool report(std::string_view name,
            bool memory,
            std::size_t records,
            std::size_t rounds,
            Ordering ordering,
            Threads threads) {
  std::vector<double> seconds;
  for (std::size_t i = 0; i < rounds; ++i) {
    seconds.push_back(one_round(memory, records, ordering, threads));
    if (!(seconds.back() > 0)) {
      fmt::print("{:24}  not every record arrived\n", name);
      return false;
    }
  }
  std::sort(seconds.begin(), seconds.end());
  const double median = seconds[seconds.size() / 2];
  const auto count = static_cast<double>(records);
  fmt::print("{:24} {:>10.0f} records/s {:>8.0f} ns/record  (best {:.0f})\n",
             name,
             count / median,
             median / count * 1e9,
             seconds.front() / count * 1e9);
  std::fflush(stdout);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t records = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  const std::size_t rounds = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 5;
  if (records == 0 || rounds == 0) {
    fmt::print(stderr, "usage: flow_bench [records] [rounds]\n");
    return 2;
  }

  struct Row {
    std::string_view name;
    bool memory;
    Ordering ordering;
    Threads threads;
  };

  const Row rows[] = {
      {"bare one partition", false, Ordering::partition, Threads::one},
      {"bare one key", false, Ordering::key, Threads::one},
      {"bare one none", false, Ordering::none, Threads::one},
      {"bare pair partition", false, Ordering::partition, Threads::pair},
      {"bare pool partition", false, Ordering::partition, Threads::pool},
      {"memory one partition", true, Ordering::partition, Threads::one},
      {"memory pair partition", true, Ordering::partition, Threads::pair},
      {"memory pair key", true, Ordering::key, Threads::pair},
      {"memory pool partition", true, Ordering::partition, Threads::pool},
  };
  config::log::configure(config::log::Level::warn, config::log::Format::text);
  bool fine = true;
  for (const Row& row : rows) {
    fine = report(row.name, row.memory, records, rounds, row.ordering, row.threads) && fine;
  }
  return fine ? 0 : 1;
}
