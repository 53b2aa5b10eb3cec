#include "tests/broker/scene.h"

#include <algorithm>
#include <array>
#include <iostream>
#include <random>

#include <gtest/gtest.h>

namespace millrace {
namespace {

using namespace std::chrono_literals;
using tests::Feeder;
using tests::Scene;
using tests::Verdict;
using tests::WorkerProcess;

constexpr int kKills = 20;
constexpr std::uint32_t kSeed = 20240607;
constexpr std::int64_t kAhead = 600;

void expect_all_delivered(const Verdict& verdict) {
  EXPECT_EQ(verdict.lost, 0U) << verdict.text();
  EXPECT_EQ(verdict.invented, 0U) << verdict.text();
  EXPECT_EQ(verdict.misplaced, 0U) << verdict.text();
  EXPECT_EQ(verdict.wrong, 0U) << verdict.text();
  EXPECT_EQ(verdict.out_of_order, 0U) << verdict.text();
}

/// Three workers in one group; one at a time is killed while it has work, and started again.
///
/// A record may be done twice only if it was not committed when a worker died, so the sum of what
/// was not committed at each death bounds the duplicates.
TEST(KillLoop, loses_nothing_and_keeps_order_when_workers_are_killed_twenty_times) {
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  const auto labels = tests::expected_labels();
  Scene scene(6);
  scene.feed = tests::Feed({.partitions = 6, .poison_every = 97, .seed = kSeed});
  const std::array<std::string, 3> names = {"first", "second", "third"};
  std::array<std::unique_ptr<WorkerProcess>, 3> workers;
  for (std::size_t i = 0; i < names.size(); ++i) workers[i] = scene.start_worker(names[i]);
  for (const auto& name : names)
    ASSERT_TRUE(scene.ready(name)) << tests::read_file(scene.log_of(name));
  std::mt19937 random(kSeed);
  std::uniform_int_distribution<std::size_t> any_worker(0, names.size() - 1);
  std::uniform_int_distribution<std::int64_t> any_progress(20, 2000);
  std::int64_t bound = 0;
  std::int64_t bites = 0;
  const auto started = std::chrono::steady_clock::now();

  Feeder feeder(scene.kafka->bootstrap(), scene.feed, kAhead);
  for (int kill = 0; kill < kKills; ++kill) {
    const std::size_t victim = any_worker(random);
    ASSERT_TRUE(scene.ready(names[victim])) << kill << "\n"
                                            << tests::read_file(scene.log_of(names[victim]));
    const std::int64_t until = scene.delivered() + any_progress(random);
    ASSERT_TRUE(scene.wait_for_delivered(until, 30s)) << "no progress before kill " << kill;
    workers[victim]->signal(SIGKILL);
    ASSERT_EQ(workers[victim]->wait(10s), -SIGKILL);
    const std::int64_t open = scene.client->lag("scene", "in");
    bound += open;
    bites += open > 0 ? 1 : 0;
    workers[victim] = scene.start_worker(names[victim]);
  }
  ASSERT_TRUE(scene.wait_for_delivered(scene.delivered() + 1000, 30s))
      << "no progress after the last kill";
  feeder.finish();
  ASSERT_TRUE(scene.wait_until_done()) << "left: " << scene.client->lag("scene", "in");
  for (const auto& worker : workers) worker->signal(SIGTERM);
  for (const auto& worker : workers) EXPECT_EQ(worker->wait(30s), 0) << worker->log();

  const Verdict verdict = scene.judge_now(labels);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
  std::cout << fmt::format("{} kills in {:.0f} s, {} with records in flight ({} in all): {}\n",
                           kKills,
                           took.count(),
                           bites,
                           bound,
                           verdict.text());
  expect_all_delivered(verdict);
  EXPECT_LE(verdict.duplicates, static_cast<std::size_t>(bound));
  EXPECT_GT(bites, kKills / 2) << "the kills came when nothing was in flight: this proves nothing";
}

TEST(Drain, sigterm_finishes_what_was_read_and_a_restart_repeats_nothing) {
  const auto labels = tests::expected_labels();
  Scene scene(6);
  auto worker = scene.start_worker("first");
  ASSERT_TRUE(scene.ready("first")) << worker->log();
  Feeder feeder(scene.kafka->bootstrap(), scene.feed, kAhead);
  ASSERT_TRUE(scene.wait_for_delivered(1000)) << worker->log();

  ASSERT_EQ(tests::stop(*worker, 20s), 0) << worker->log();
  const std::int64_t published = scene.delivered();
  EXPECT_EQ(tests::sum(scene.client->committed("scene", "in")), published)
      << "what was published was not committed";

  worker = scene.start_worker("second");
  ASSERT_TRUE(scene.wait_for_delivered(published + 1000)) << worker->log();
  feeder.finish();
  ASSERT_TRUE(scene.wait_until_done());
  EXPECT_EQ(tests::stop(*worker), 0) << worker->log();
  const Verdict verdict = scene.judge_now(labels);
  std::cout << fmt::format("published when stopped {}: {}\n", published, verdict.text());
  expect_all_delivered(verdict);
  EXPECT_EQ(verdict.duplicates, 0U);
}

TEST(BrokerRestart, holds_what_is_open_and_goes_on_in_order) {
  const auto labels = tests::expected_labels();
  Scene scene(6);
  auto worker = scene.start_worker("first");
  ASSERT_TRUE(scene.ready("first")) << worker->log();
  Feeder feeder(scene.kafka->bootstrap(), scene.feed, kAhead);
  ASSERT_TRUE(scene.wait_for_delivered(1000)) << worker->log();

  scene.kafka->terminate();
  EXPECT_TRUE(worker->running()) << worker->log();
  scene.kafka->restart();

  const std::int64_t after = scene.delivered();
  ASSERT_TRUE(scene.wait_for_delivered(after + 1000)) << worker->log();
  feeder.finish();
  ASSERT_TRUE(scene.wait_until_done()) << worker->log();
  EXPECT_EQ(tests::stop(*worker), 0) << worker->log();
  const Verdict verdict = scene.judge_now(labels);
  std::cout << fmt::format("before and after the restart: {}\n", verdict.text());
  expect_all_delivered(verdict);
  EXPECT_LE(verdict.duplicates, static_cast<std::size_t>(kAhead));
}

TEST(Rebalance, shares_the_work_with_a_second_worker_without_loss) {
  const auto labels = tests::expected_labels();
  Scene scene(6);
  auto first = scene.start_worker("first");
  ASSERT_TRUE(scene.ready("first")) << first->log();
  Feeder feeder(scene.kafka->bootstrap(), scene.feed, kAhead);
  ASSERT_TRUE(scene.wait_for_delivered(1000)) << first->log();

  auto second = scene.start_worker("second");
  ASSERT_TRUE(tests::wait_until(30s, [&] { return scene.client->owners("scene") == 2; }))
      << second->log();
  const std::int64_t shared = scene.delivered();
  ASSERT_TRUE(scene.wait_for_delivered(shared + 2000)) << first->log() << second->log();
  EXPECT_EQ(tests::stop(*first), 0) << first->log();
  ASSERT_TRUE(scene.wait_for_delivered(scene.delivered() + 1000)) << second->log();
  feeder.finish();
  ASSERT_TRUE(scene.wait_until_done()) << second->log();
  EXPECT_EQ(tests::stop(*second), 0) << second->log();

  const Verdict verdict = scene.judge_now(labels);
  std::cout << fmt::format("one joined, one left: {}\n", verdict.text());
  expect_all_delivered(verdict);
  // A partition that is taken away is finished and committed first; only what the broker was about
  // to have may repeat.
  EXPECT_LE(verdict.duplicates, static_cast<std::size_t>(kAhead));
}

}  // namespace
}  // namespace millrace
