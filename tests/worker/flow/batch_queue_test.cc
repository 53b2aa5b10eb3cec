#include "worker/flow/batch_queue.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>

namespace millrace::worker {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class BatchQueueTest : public testing::Test {
 protected:
  BatchQueue<int> queue(BatchLimits limits) { return BatchQueue<int>(limits, signal_); }

  Signal signal_;
  Instant now_{1h};
};

TEST_F(BatchQueueTest, closes_on_tokens_and_keeps_what_does_not_fit) {
  BatchQueue<int> rows({.max_cost = 10, .max_rows = 100, .deadline = 1s}, signal_);
  rows.add(1, 4, 1, now_);
  rows.add(2, 4, 1, now_);
  EXPECT_THAT(rows.take(now_), IsEmpty());
  rows.add(3, 4, 1, now_);
  EXPECT_THAT(rows.take(now_), ElementsAre(1, 2));
  EXPECT_EQ(rows.size(), 1U);
}

TEST_F(BatchQueueTest, closes_on_rows_and_on_bytes) {
  BatchQueue<int> rows({.max_cost = 1000, .max_rows = 2, .deadline = 1s}, signal_);
  for (int i = 0; i < 5; ++i) rows.add(i, 1, 1, now_);
  EXPECT_THAT(rows.take(now_), ElementsAre(0, 1));
  BatchQueue<int> bytes({.max_cost = 1000, .max_rows = 100, .max_bytes = 10, .deadline = 1s},
                        signal_);
  for (int i = 0; i < 5; ++i) bytes.add(i, 1, 4, now_);
  EXPECT_THAT(bytes.take(now_), ElementsAre(0, 1));
}

TEST_F(BatchQueueTest, closes_at_the_deadline_of_its_oldest_row) {
  BatchQueue<int> rows({.max_cost = 1000, .deadline = 25ms}, signal_);
  rows.add(1, 1, 1, now_);
  rows.add(2, 1, 1, now_ + 20ms);
  EXPECT_EQ(rows.next_due(), now_ + 25ms);
  EXPECT_THAT(rows.take(now_ + 24ms), IsEmpty());
  EXPECT_THAT(rows.take(now_ + 25ms), ElementsAre(1, 2));
  EXPECT_FALSE(rows.next_due());
}

TEST_F(BatchQueueTest, gives_everything_at_once_while_draining) {
  BatchQueue<int> rows({.max_cost = 1000, .deadline = 1h}, signal_);
  rows.add(1, 1, 1, now_);
  EXPECT_THAT(rows.take(now_), IsEmpty());
  rows.drain(true);
  EXPECT_THAT(rows.take(now_), ElementsAre(1));
}

TEST_F(BatchQueueTest, a_row_larger_than_the_budget_leaves_alone) {
  BatchQueue<int> rows({.max_cost = 10, .deadline = 1h}, signal_);
  rows.add(1, 100, 1, now_);
  rows.add(2, 1, 1, now_);
  EXPECT_THAT(rows.take(now_), ElementsAre(1));
}

TEST_F(BatchQueueTest, drops_the_rows_that_are_named) {
  BatchQueue<int> rows({.max_cost = 4, .deadline = 1h}, signal_);
  for (int i = 0; i < 6; ++i) rows.add(i, 1, 1, now_);
  EXPECT_THAT(rows.drop_if([](int row) { return row % 2 == 0; }), ElementsAre(0, 2, 4));
  EXPECT_THAT(rows.take(now_), IsEmpty());  // three tokens are not four
  rows.drain(true);
  EXPECT_THAT(rows.take(now_), ElementsAre(1, 3, 5));
}

TEST_F(BatchQueueTest, rows_of_all_partitions_leave_in_the_order_they_came) {
  BatchQueue<std::string> rows({.max_rows = 4, .deadline = 1h}, signal_);
  for (const char* row : {"p0", "p1", "p0'", "p2"}) rows.add(row, 1, 1, now_);
  EXPECT_THAT(rows.take(now_), ElementsAre("p0", "p1", "p0'", "p2"));
}

TEST_F(BatchQueueTest, wakes_somebody_for_the_deadline_of_the_first_row_and_for_a_full_batch) {
  BatchQueue<int> rows({.max_rows = 3, .deadline = 25ms}, signal_);
  rows.add(1, 1, 1, now_);
  EXPECT_TRUE(signal_.wait_until(Instant{}));
  rows.add(2, 1, 1, now_);
  EXPECT_FALSE(signal_.wait_until(Instant{}));
  rows.add(3, 1, 1, now_);
  EXPECT_TRUE(signal_.wait_until(Instant{}));
}

TEST_F(BatchQueueTest, somebody_else_watches_the_deadline_of_what_a_taker_leaves_behind) {
  BatchQueue<int> rows({.max_rows = 2, .deadline = 25ms}, signal_);
  for (int i = 0; i < 3; ++i) rows.add(i, 1, 1, now_);
  EXPECT_TRUE(signal_.wait_until(Instant{}));
  EXPECT_THAT(rows.take(now_), ElementsAre(0, 1));
  EXPECT_TRUE(signal_.wait_until(Instant{}));
  EXPECT_EQ(rows.next_due(), now_ + 25ms);
}

TEST_F(BatchQueueTest, a_lower_cost_makes_what_waits_due) {
  BatchQueue<int> rows({.max_cost = 100, .deadline = 1h}, signal_);
  for (int i = 0; i < 4; ++i) rows.add(i, 10, 1, now_);
  EXPECT_THAT(rows.take(now_), IsEmpty());
  EXPECT_TRUE(signal_.wait_until(Instant{}));
  rows.set_max_cost(20);
  EXPECT_TRUE(signal_.wait_until(Instant{}));
  EXPECT_THAT(rows.take(now_), ElementsAre(0, 1));
}

TEST_F(BatchQueueTest, an_empty_one_is_never_due) {
  BatchQueue<int> rows({}, signal_);
  rows.drain(true);
  EXPECT_FALSE(rows.next_due());
  EXPECT_FALSE(rows.oldest());
  EXPECT_THAT(rows.take(now_ + 1h), IsEmpty());
}

}  // namespace
}  // namespace millrace::worker
