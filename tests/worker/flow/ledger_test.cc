#include "worker/flow/ledger.h"

#include "config/base/check.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::worker {
namespace {

TEST(Ledger, counts_every_record_into_one_fate) {
  Ledger ledger;
  ledger.receive(10, 2);
  ledger.settle(Fate::published, 3);
  ledger.settle(Fate::filtered);
  ledger.settle(Fate::dead_lettered);
  ledger.settle(Fate::discarded);
  EXPECT_EQ(ledger.counts(),
            (LedgerCounts{.received = 10,
                          .published = 3,
                          .filtered = 1,
                          .dead_lettered = 1,
                          .already_done = 2,
                          .discarded = 1,
                          .in_flight = 2}));
  EXPECT_TRUE(ledger.counts().balanced());
}

TEST(Ledger, a_record_that_ends_without_having_come_is_a_bug) {
  Ledger ledger;
  ledger.receive(1, 0);
  ledger.settle(Fate::published);
  EXPECT_THROW(ledger.settle(Fate::published), Bug);
  EXPECT_THROW(ledger.settle(Fate::already_done), Bug);
  EXPECT_THROW(ledger.receive(1, 2), Bug);
  EXPECT_TRUE(ledger.counts().balanced());
}

TEST(Ledger, notices_a_sum_that_is_wrong) {
  LedgerCounts counts{.received = 2, .published = 1, .in_flight = 1};
  EXPECT_TRUE(counts.balanced());
  counts.discarded = 1;
  EXPECT_FALSE(counts.balanced());
}

TEST(Ledgers, keep_one_of_each_partition_and_add_them_up) {
  Ledgers ledgers;
  ledgers.of("a", 0)->receive(1, 0);
  ledgers.of("a", 1)->receive(2, 1);
  ledgers.of("b", 0)->receive(4, 0);
  EXPECT_EQ(ledgers.of("a", 0), ledgers.of("a", 0));
  EXPECT_EQ(ledgers.rows().size(), 3U);
  EXPECT_EQ(ledgers.total().received, 7U);
  EXPECT_EQ(ledgers.total().already_done, 1U);
}

TEST(Ledger, is_balanced_at_any_moment_that_another_thread_looks) {
  constexpr int kRounds = 20'000;
  Ledger ledger;
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::thread looking([&] {
    while (!done.load()) {
      if (!ledger.counts().balanced()) wrong.fetch_add(1);
    }
  });
  std::thread working([&] {
    for (int i = 0; i < kRounds; ++i) {
      ledger.receive(3, 1);
      ledger.settle(Fate::published);
      ledger.settle(Fate::discarded);
    }
  });
  working.join();
  done.store(true);
  looking.join();
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_EQ(ledger.counts().in_flight, 0U);
  EXPECT_EQ(ledger.counts().published, static_cast<std::uint64_t>(kRounds));
}

}  // namespace
}  // namespace millrace::worker
