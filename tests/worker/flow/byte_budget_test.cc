#include "worker/flow/byte_budget.h"

#include "config/base/check.h"

#include <gtest/gtest.h>

namespace millrace::worker {
namespace {

constexpr BudgetOptions kSmall{.max_records = 4, .max_bytes = 100};

TEST(ByteBudget, is_bounded_in_records_and_in_bytes) {
  ByteBudget budget(kSmall);
  budget.book(1, 60);
  EXPECT_TRUE(budget.admits(40));
  EXPECT_FALSE(budget.admits(41));
  budget.book(3, 0);
  EXPECT_FALSE(budget.admits(0));
}

TEST(ByteBudget, admits_one_oversized_record_when_empty) {
  ByteBudget budget(kSmall);
  EXPECT_TRUE(budget.admits(1'000'000));
  budget.book(1, 1'000'000);
  EXPECT_FALSE(budget.admits(0));
}

TEST(ByteBudget, is_low_at_half_in_both) {
  ByteBudget budget(kSmall);
  budget.book(2, 50);
  EXPECT_TRUE(budget.low());
  budget.book(1, 0);
  EXPECT_FALSE(budget.low());
  budget.release(1, 0);
  budget.book(0, 1);
  EXPECT_FALSE(budget.low());
}

TEST(ByteBudget, wakes_whoever_waits_for_the_low_mark_once) {
  ByteBudget budget(kSmall);
  Signal signal;
  budget.notify_when_low(signal);
  budget.book(4, 100);
  budget.release(1, 10);
  EXPECT_FALSE(signal.wait_until(Instant{}));
  budget.release(1, 40);
  EXPECT_TRUE(signal.wait_until(Instant{}));
  budget.release(1, 25);
  EXPECT_FALSE(signal.wait_until(Instant{}));
  budget.release(1, 25);
  EXPECT_TRUE(signal.wait_until(Instant{}));  // empty: an oversized one may come now
}

TEST(ByteBudget, releasing_what_was_not_booked_is_a_bug) {
  ByteBudget budget(kSmall);
  budget.book(1, 10);
  EXPECT_THROW(budget.release(1, 11), Bug);
}

}  // namespace
}  // namespace millrace::worker
