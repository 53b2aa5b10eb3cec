#include "config/base/clock.h"
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
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

// The way of a record without stages: in, through the gate, out, committed. Once with the hands of
// the test on every step, once with real threads.

namespace millrace::worker {
namespace {

using namespace std::chrono_literals;
using connectors::MemorySink;
using connectors::MemorySource;
using testing::ElementsAre;

std::vector<std::string> values(const std::vector<MemorySink::Written>& written) {
  std::vector<std::string> all;
  for (const auto& one : written) all.emplace_back(one.record.value.view());
  return all;
}

/// One source, one sink, one topic of dead letters, on a clock that stands still.
class Flow : public testing::Test {
 protected:
  void open(Ordering ordering = Ordering::partition,
            BudgetOptions budget = {},
            std::int32_t partitions = 2) {
    source_ = std::make_unique<MemorySource>("in", partitions);
    ASSERT_TRUE(source_->open());
    budget_ = std::make_unique<ByteBudget>(budget);
    exit_ = std::make_unique<Exit>(Exit{inbox_, *budget_});
    EmitterOptions options;
    options.dead_letters = SinkId{1};
    emitter_ = std::make_unique<Emitter>(std::vector<SinkSlot>{{"out", &out_}, {"dead", &dead_}},
                                         options,
                                         *exit_,
                                         stop_,
                                         metrics_,
                                         clock_);
    PollerOptions poller;
    poller.ordering = ordering;
    poller.poll_wait = 0ms;
    poller.hold = 10ms;
    poller_ = std::make_unique<Poller>(
        "in",
        *source_,
        poller,
        *exit_,
        [this](std::vector<FateToken> tokens) {
          for (FateToken& token : tokens) tokens_.push_back(std::move(token));
        },
        stop_,
        metrics_,
        clock_);
  }

  void poll(int steps = 3) {
    for (int i = 0; i < steps; ++i) poller_->step();
  }

  void emit(int steps = 3) {
    for (int i = 0; i < steps; ++i) emitter_->step();
  }

  void publish(std::size_t i) {
    connectors::OutRecord out;
    out.value = tokens_[i].record().value;
    tokens_[i].publish(0, std::move(out));
  }

  void later(std::chrono::milliseconds time) {
    clock_.advance(time);
    poll();
  }

  LedgerCounts ledger() const { return poller_->ledgers().total(); }

  ManualClock clock_;
  Metrics metrics_;
  Signal signal_;
  Channel<PassagePtr> inbox_{signal_};
  StopReason stop_;
  std::unique_ptr<ByteBudget> budget_;
  std::unique_ptr<Exit> exit_;
  std::unique_ptr<MemorySource> source_;
  MemorySink out_, dead_;
  std::unique_ptr<Emitter> emitter_;
  std::unique_ptr<Poller> poller_;
  std::vector<FateToken> tokens_;
};

TEST_F(Flow, publishes_in_the_order_of_the_partition_whatever_is_done_first) {
  open();
  for (const char* value : {"a", "b", "c"}) source_->push(0, value);
  poll();
  ASSERT_EQ(tokens_.size(), 3U);

  publish(2);
  publish(1);
  emit();
  EXPECT_THAT(values(out_.written()), testing::IsEmpty());
  publish(0);
  emit();

  EXPECT_THAT(values(out_.written()), ElementsAre("a", "b", "c"));
  later(2s);
  EXPECT_EQ(source_->committed(0), 3);
}

TEST_F(Flow, keeps_the_order_of_a_key_and_lets_others_pass) {
  open(Ordering::key);
  source_->push(0, Bytes::copy_of("a1"), Bytes::copy_of("a"));
  source_->push(0, Bytes::copy_of("b1"), Bytes::copy_of("b"));
  source_->push(0, Bytes::copy_of("a2"), Bytes::copy_of("a"));
  poll();

  publish(2);
  publish(1);
  emit();
  EXPECT_THAT(values(out_.written()), ElementsAre("b1"));
  publish(0);
  emit();

  EXPECT_THAT(values(out_.written()), ElementsAre("b1", "a1", "a2"));
}

TEST_F(Flow, commits_nothing_before_it_is_acknowledged) {
  open();
  out_.hold_verdicts();
  source_->push(0, "a");
  poll();
  publish(0);
  emit();
  later(5s);
  EXPECT_NE(source_->committed(0), 1);

  out_.stop_holding();
  emit();
  later(5s);
  EXPECT_EQ(source_->committed(0), 1);
  EXPECT_EQ(budget_->records(), 0U);
  EXPECT_EQ(budget_->bytes(), 0U);
}

TEST_F(Flow, a_rejected_record_passes_the_gate_as_a_dead_letter) {
  open();
  source_->push(0, "bad");
  source_->push(0, "good");
  poll();
  publish(1);
  tokens_[0].reject({.error = error(Errc::invalid_input, "BAD_JSON", "simulated"), .stage = "s"});
  emit();

  EXPECT_THAT(values(out_.written()), ElementsAre("good"));
  EXPECT_THAT(values(dead_.written()), ElementsAre("bad"));
  EXPECT_EQ(ledger().dead_lettered, 1U);
  EXPECT_TRUE(ledger().balanced());
}

TEST_F(Flow, what_the_sink_finds_too_large_becomes_a_dead_letter) {
  open();
  out_.fail_when([](const connectors::OutRecord& record) -> std::optional<Error> {
    if (record.value.view() != "huge") return std::nullopt;
    return error(Errc::invalid_input, "TOO_LARGE", "simulated");
  });
  source_->push(0, "huge");
  source_->push(0, "small");
  poll();
  publish(0);
  publish(1);
  emit(6);

  EXPECT_THAT(values(dead_.written()), ElementsAre("huge"));
  later(2s);
  EXPECT_EQ(source_->committed(0), 2);
}

TEST_F(Flow, what_did_not_arrive_is_written_again_and_says_so) {
  open();
  bool away = true;
  out_.fail_when([&](const connectors::OutRecord&) -> std::optional<Error> {
    if (!away) return std::nullopt;
    return error(Errc::unavailable, "KAFKA_UNREACHABLE", "simulated");
  });
  source_->push(0, "a");
  source_->push(0, "b");
  poll();
  publish(0);
  publish(1);
  emit(4);
  away = false;
  for (int i = 0; i < 10; ++i) {
    clock_.advance(1s);
    emit();
  }

  EXPECT_THAT(values(out_.delivered()), ElementsAre("a", "b"));
  const auto headers = out_.delivered().front().record.headers;
  EXPECT_TRUE(std::any_of(headers.begin(), headers.end(), [](const auto& h) {
    return h.name == "millrace-redelivery";
  }));
  EXPECT_TRUE(ledger().balanced());
}

TEST_F(Flow, a_full_sink_keeps_the_order) {
  open();
  out_.cork();
  for (int i = 0; i < 20; ++i) source_->push(0, "v" + std::to_string(i));
  poll();
  for (std::size_t i = 0; i < tokens_.size(); ++i) publish(i);
  emit(5);
  EXPECT_THAT(values(out_.written()), testing::IsEmpty());
  out_.uncork();
  emit(5);

  const auto written = values(out_.written());
  ASSERT_EQ(written.size(), 20U);
  for (std::size_t i = 0; i < written.size(); ++i) EXPECT_EQ(written[i], "v" + std::to_string(i));
}

TEST_F(Flow, a_token_that_is_forgotten_stops_the_worker_and_commits_nothing_more) {
  open();
  source_->push(0, "a");
  poll();
  tokens_.clear();
  emit();

  ASSERT_TRUE(stop_.stopped());
  EXPECT_EQ(stop_.error()->code, "LOST_TOKEN");
  later(5s);
  EXPECT_NE(source_->committed(0), 1);
}

TEST_F(Flow, a_full_budget_pauses_and_an_empty_one_resumes) {
  open(Ordering::partition, {.max_records = 4, .max_bytes = 1U << 20U});
  for (int i = 0; i < 10; ++i) source_->push(0, "v" + std::to_string(i));
  poll();
  EXPECT_EQ(tokens_.size(), 4U);
  later(50ms);
  EXPECT_TRUE(source_->paused(0));
  EXPECT_EQ(budget_->records(), 4U);

  for (std::size_t i = 0; i < 4; ++i) publish(i);
  emit();
  later(50ms);
  later(50ms);

  EXPECT_GT(tokens_.size(), 4U);
}

TEST_F(Flow, a_revoked_partition_is_given_back_when_its_records_are_done) {
  open();
  source_->push(0, "a");
  poll();
  source_->revoke(0, 10s);
  poll();
  EXPECT_NE(source_->lease(0), 0U);
  publish(0);
  emit();
  poll();

  EXPECT_EQ(source_->lease(0), 0U);
  EXPECT_EQ(source_->committed(0), 1);
  EXPECT_EQ(source_->stale_commits(), 0U);
}

TEST_F(Flow, a_revoked_partition_is_given_back_in_time_even_so) {
  open();
  source_->push(0, "a");
  poll();
  source_->revoke(0, 100ms);
  poll();
  later(200ms);
  EXPECT_EQ(source_->lease(0), 0U);
  EXPECT_NE(source_->committed(0), 1);
  publish(0);  // too late: no effect
  emit();

  EXPECT_THAT(values(out_.written()), testing::IsEmpty());
  EXPECT_EQ(ledger().discarded, 1U);
  EXPECT_TRUE(ledger().balanced());
}

TEST_F(Flow, nothing_of_a_lost_partition_is_committed) {
  open();
  source_->push(0, "a");
  poll();
  source_->lose(0);
  poll();
  publish(0);
  emit();
  later(5s);

  EXPECT_NE(source_->committed(0), 1);
  EXPECT_EQ(source_->stale_commits(), 0U);
  EXPECT_EQ(ledger().discarded, 1U);
}

TEST_F(Flow, a_second_owner_is_spared_what_was_done_above_the_watermark) {
  open(Ordering::none);
  for (const char* value : {"a", "b", "c"}) source_->push(0, value);
  poll();
  publish(2);
  emit();
  source_->revoke(0, 50ms);
  poll();
  later(100ms);  // a and b did not finish in time
  publish(0);
  publish(1);
  emit();
  tokens_.clear();
  EXPECT_EQ(source_->committed(0), 0);

  source_->assign(0);
  poll();

  ASSERT_EQ(tokens_.size(), 2U);
  publish(0);
  publish(1);
  emit();
  EXPECT_EQ(ledger().already_done, 1U);
  EXPECT_THAT(values(out_.written()), ElementsAre("c", "a", "b"));
  later(5s);
  EXPECT_EQ(source_->committed(0), 3);
}

TEST_F(Flow, an_outage_of_the_source_is_waited_out) {
  open();
  source_->push(0, "a");
  source_->fail_next_poll(error(Errc::unavailable, "KAFKA_UNREACHABLE", "simulated"));
  poll();
  EXPECT_FALSE(stop_.stopped());
  later(5s);
  EXPECT_EQ(tokens_.size(), 1U);
  publish(0);
  emit();
}

TEST_F(Flow, a_source_that_is_denied_stops_the_worker) {
  open();
  source_->fail_next_poll(error(Errc::denied, "KAFKA_DENIED", "simulated"));
  poll();
  ASSERT_TRUE(stop_.stopped());
  EXPECT_EQ(stop_.error()->kind, Errc::denied);
}

/// Two pool threads, a poller and an emitter, as they run.
TEST(FlowThreads, nothing_is_lost_or_out_of_order_under_real_threads) {
  constexpr std::size_t kRecords = 20'000;
  constexpr std::int32_t kPartitions = 3;
  SystemClock clock;
  Metrics metrics;
  Signal emitter_signal, pool_signal;
  ByteBudget budget({.max_records = 500});
  Channel<PassagePtr> inbox(emitter_signal);
  Channel<FateToken> work(pool_signal);
  Exit exit{inbox, budget};
  StopReason stop;
  MemorySource source("in", kPartitions);
  MemorySink out;
  for (std::size_t i = 0; i < kRecords; ++i) {
    source.push(static_cast<std::int32_t>(i % kPartitions), std::to_string(i));
  }
  source.finish();
  ASSERT_TRUE(source.open());
  Emitter emitter({{"out", &out}}, {}, exit, stop, metrics, clock);
  PollerOptions options;
  options.poll_wait = 1ms;
  options.commit.interval = 5ms;
  Poller poller(
      "in",
      source,
      options,
      exit,
      [&](std::vector<FateToken> tokens) { work.push_all(tokens); },
      stop,
      metrics,
      clock);
  std::atomic<bool> done{false};
  const auto drive = [&](Loop& loop, Signal& signal) {
    while (!done.load()) {
      const Progress progress = loop.step();
      if (!progress.did_work) signal.wait_until(std::min(progress.wake_at, clock.now() + 5ms));
    }
  };
  Signal poller_signal;
  budget.notify_when_low(poller_signal);
  std::vector<std::thread> threads;
  threads.emplace_back([&] { drive(poller, poller_signal); });
  threads.emplace_back([&] { drive(emitter, emitter_signal); });
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      std::vector<FateToken> taken;
      while (!done.load()) {
        if (work.pop_some(taken, 7) == 0) {
          pool_signal.wait_until(clock.now() + 5ms);
          continue;
        }
        const SettleBatch settled;
        for (FateToken& token : taken) {
          connectors::OutRecord record;
          record.value = token.record().value;
          record.key = Bytes::copy_of(std::to_string(token.record().origin.partition));
          token.publish(0, std::move(record));
        }
        taken.clear();
      }
    });
  }
  const auto deadline = clock.now() + 60s;
  while (clock.now() < deadline && poller.ledgers().total().published < kRecords)
    std::this_thread::yield();
  done.store(true);
  for (Signal* signal : {&poller_signal, &emitter_signal, &pool_signal}) signal->close();
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(poller.close(1s));

  EXPECT_FALSE(stop.stopped());
  EXPECT_EQ(poller.ledgers().total().published, kRecords);
  EXPECT_EQ(budget.records(), 0U);
  std::vector<std::size_t> next(kPartitions);
  for (const auto& written : out.delivered()) {
    const auto partition =
        static_cast<std::size_t>(std::stoi(std::string(written.record.key.view())));
    const auto value =
        static_cast<std::size_t>(std::stoul(std::string(written.record.value.view())));
    ASSERT_EQ(value, next[partition] * kPartitions + partition);
    ++next[partition];
  }
  for (std::int32_t p = 0; p < kPartitions; ++p) {
    EXPECT_EQ(
        source.committed(p),
        static_cast<std::int64_t>((kRecords + 2 - static_cast<std::size_t>(p)) / kPartitions));
  }
}

}  // namespace
}  // namespace millrace::worker
