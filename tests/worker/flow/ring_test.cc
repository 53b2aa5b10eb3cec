#include "worker/flow/ring.h"

#include "config/base/check.h"

#include <algorithm>
#include <random>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

namespace millrace::worker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Ring, commits_up_to_the_first_slot_that_is_open) {
  Ring ring(10);
  const auto a = ring.open(10).slot;
  const auto b = ring.open(11).slot;
  const auto c = ring.open(15).slot;
  EXPECT_EQ(ring.watermark(), 10);

  ring.settle(c);
  EXPECT_EQ(ring.watermark(), 10);
  EXPECT_THAT(ring.done().above, ElementsAre(OffsetRun{15, 16}));
  ring.settle(a);
  EXPECT_EQ(ring.watermark(), 11);
  ring.settle(b);
  EXPECT_EQ(ring.watermark(), 16);
  EXPECT_THAT(ring.done().above, IsEmpty());
}

TEST(Ring, follows_the_position_only_while_nothing_is_open) {
  Ring ring(0);
  ring.advance(7);
  EXPECT_EQ(ring.watermark(), 7);
  const auto slot = ring.open(9).slot;
  ring.advance(20);
  EXPECT_EQ(ring.watermark(), 7);
  ring.settle(slot);
  EXPECT_EQ(ring.watermark(), 20);
}

TEST(Ring, spares_what_an_earlier_owner_had_done) {
  Ring ring(5, {{6, 8}, {20, 22}});
  EXPECT_FALSE(ring.open(5).already_done);
  EXPECT_TRUE(ring.open(6).already_done);
  EXPECT_TRUE(ring.open(7).already_done);
  EXPECT_FALSE(ring.open(8).already_done);
  // What did not come again yet stays in the map.
  EXPECT_THAT(ring.done().above, ElementsAre(OffsetRun{6, 8}, OffsetRun{20, 22}));
}

TEST(Ring, completes_in_any_order_and_grows) {
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    Ring ring(0);
    std::vector<SlotIndex> slots;
    for (std::int64_t offset = 0; offset < 1000; ++offset)
      slots.push_back(ring.open(offset * 3).slot);
    std::vector<bool> settled(slots.size());
    std::vector<std::size_t> order(slots.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random);
    for (const std::size_t i : order) {
      ring.settle(slots[i]);
      settled[i] = true;
      const auto open = std::find(settled.begin(), settled.end(), false);
      const auto first_open = static_cast<std::int64_t>(open - settled.begin());
      const std::int64_t expected = first_open == 0 ? 0 : (first_open - 1) * 3 + 1;
      ASSERT_EQ(ring.watermark(), open == settled.end() ? 2998 : expected);
    }
  }
}

TEST(Ring, a_slot_settled_twice_is_a_bug) {
  Ring ring(0);
  const auto first = ring.open(0).slot;
  const auto second = ring.open(1).slot;
  ring.settle(second);
  EXPECT_THROW(ring.settle(second), Bug);
  ring.settle(first);
  EXPECT_THROW(ring.settle(first), Bug);
}

TEST(Ring, passes_over_what_was_done_before) {
  Ring ring(5, {{5, 7}, {8, 9}});
  ring.open(5);
  ring.open(6);
  EXPECT_EQ(ring.watermark(), 7);
  const auto seven = ring.open(7).slot;
  ring.open(8);
  EXPECT_EQ(ring.watermark(), 7);
  ring.settle(seven);
  EXPECT_EQ(ring.watermark(), 9);
  // Only what was settled in this lease counts as its work.
  EXPECT_EQ(ring.settled(), 1U);
}

TEST(Ring, names_the_lowest_runs_first_and_no_more_than_asked_for) {
  Ring ring(0);
  std::vector<SlotIndex> slots;
  for (std::int64_t offset = 0; offset < 10; ++offset) slots.push_back(ring.open(offset).slot);
  for (std::size_t i = 1; i < slots.size(); i += 2) ring.settle(slots[i]);
  EXPECT_THAT(ring.done(2).above, ElementsAre(OffsetRun{1, 2}, OffsetRun{3, 4}));
}

TEST(Ring, spans_from_the_watermark_to_the_position) {
  Ring ring(0);
  const auto first = ring.open(0).slot;
  const auto second = ring.open(9).slot;
  ring.settle(second);
  EXPECT_EQ(ring.span(), 2U);
  EXPECT_EQ(ring.position(), 10);
  ring.settle(first);
  EXPECT_EQ(ring.span(), 0U);
}

TEST(Ring, an_offset_that_goes_back_is_a_bug) {
  Ring ring(5);
  EXPECT_THROW(ring.open(4), Bug);
  ring.open(5);
  EXPECT_THROW(ring.open(5), Bug);
}

TEST(RingThreads, is_opened_and_settled_at_the_same_time) {
  constexpr std::int64_t kOffsets = 20'000;
  Ring ring(0);
  std::thread opening([&] {
    for (std::int64_t offset = 0; offset < kOffsets; ++offset) ring.open(offset);
  });
  std::int64_t before = 0;
  for (SlotIndex slot = 0; slot < static_cast<SlotIndex>(kOffsets);) {
    if (ring.position() <= static_cast<std::int64_t>(slot)) {
      std::this_thread::yield();
      continue;
    }
    ring.settle(slot++);
    const std::int64_t watermark = ring.watermark();
    EXPECT_GE(watermark, before);
    before = watermark;
  }
  opening.join();
  EXPECT_EQ(ring.watermark(), kOffsets);
}

}  // namespace
}  // namespace millrace::worker
