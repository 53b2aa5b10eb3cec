#include "tests/broker/scene.h"

#include <iostream>

#include <gtest/gtest.h>

namespace millrace {
namespace {

using namespace std::chrono_literals;
using tests::Feed;
using tests::Order;
using tests::Scene;

constexpr int kPartitions = 12;
constexpr std::size_t kRecords = 6000;

class Ordering : public testing::TestWithParam<Order> {};

TEST_P(Ordering, holds_while_batches_mix_twelve_partitions) {
  const auto labels = tests::expected_labels();
  Scene scene(kPartitions);
  scene.feed = Feed({.partitions = kPartitions, .keys = 36, .in_turn = true});
  scene.topology.ordering = GetParam() == Order::key ? "key" : "partition";
  scene.topology.batch_items = kPartitions;
  scene.topology.batch_deadline = "3s";
  auto worker = scene.start_worker("first");
  ASSERT_TRUE(scene.ready("first")) << worker->log();
  scene.send(kPartitions);
  ASSERT_TRUE(scene.wait_for_delivered(kPartitions)) << worker->log();

  // One record of each partition fills a batch only if the batch takes all partitions; else each
  // waits for its deadline.
  const auto sent = std::chrono::steady_clock::now();
  scene.send(kPartitions);
  ASSERT_TRUE(scene.wait_for_delivered(2 * kPartitions)) << worker->log();
  const std::chrono::duration<double> mixed = std::chrono::steady_clock::now() - sent;
  EXPECT_LT(mixed, 2s);

  for (std::size_t i = 0; i < kRecords / 600; ++i) scene.send(600);
  ASSERT_TRUE(scene.wait_until_done()) << worker->log();
  EXPECT_EQ(tests::stop(*worker), 0) << worker->log();
  const auto verdict = scene.judge_now(labels, GetParam());
  std::cout << fmt::format("ordering {}, a mixed batch took {:.3f} s: {}\n",
                           scene.topology.ordering,
                           mixed.count(),
                           verdict.text());
  EXPECT_EQ(verdict.delivered, kRecords + 2 * kPartitions);
  EXPECT_EQ(verdict.lost, 0U) << verdict.text();
  EXPECT_EQ(verdict.duplicates, 0U) << verdict.text();
  EXPECT_EQ(verdict.wrong + verdict.invented + verdict.misplaced, 0U) << verdict.text();
  EXPECT_EQ(verdict.out_of_order, 0U) << verdict.text();
}

INSTANTIATE_TEST_SUITE_P(Kafka,
                         Ordering,
                         testing::Values(Order::partition, Order::key),
                         [](const auto& one) {
                           return one.param == Order::key ? "key" : "partition";
                         });

}  // namespace
}  // namespace millrace
