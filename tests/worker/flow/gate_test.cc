#include "worker/flow/gate.h"

#include "config/base/check.h"
#include "worker/flow/ledger.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include <gmock/gmock.h>

namespace millrace::worker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::shared_ptr<LeaseState> lease(connectors::LeaseId id) {
  return std::make_shared<LeaseState>(
      Lease{id, "in", 0}, 0, std::vector<OffsetRun>(), std::make_shared<Ledger>());
}

/// A passage with its turn as its offset.
PassagePtr passage(const std::shared_ptr<LeaseState>& of, Turn turn, Turn after) {
  auto made = std::make_unique<Passage>();
  made->lease = of;
  made->slot = turn;
  made->turn = turn;
  made->after = after;
  made->outcome = Outcome::published;
  return made;
}

PassagePtr discarded(const std::shared_ptr<LeaseState>& of, Turn turn, Turn after) {
  PassagePtr made = passage(of, turn, after);
  made->outcome = Outcome::discarded;
  return made;
}

class GateTest : public testing::Test {
 protected:
  void arrive(PassagePtr one) { gate_.arrive(std::move(one), out_); }

  /// The slots that have left, in order, since the last call.
  std::vector<SlotIndex> left() {
    std::vector<SlotIndex> slots;
    outcomes_.clear();
    for (const PassagePtr& one : out_) {
      slots.push_back(one->slot);
      outcomes_.push_back(one->outcome);
    }
    out_.clear();
    return slots;
  }

  Gate gate_;
  std::vector<PassagePtr> out_;
  std::vector<Outcome> outcomes_;
  std::shared_ptr<LeaseState> a_ = lease(1), b_ = lease(2);
};

TEST_F(GateTest, holds_results_back_until_their_predecessors_left) {
  arrive(passage(a_, 2, 1));
  arrive(passage(a_, 1, 0));
  EXPECT_THAT(left(), IsEmpty());
  EXPECT_EQ(gate_.waiting(), 2U);
  arrive(passage(a_, 0, kNoTurn));
  EXPECT_THAT(left(), ElementsAre(0U, 1U, 2U));
  EXPECT_EQ(gate_.waiting(), 0U);
}

TEST_F(GateTest, lets_chains_of_different_keys_pass_each_other) {
  // Turns 0 and 2 have one key, 1 and 3 another.
  arrive(passage(a_, 2, 0));
  arrive(passage(a_, 1, kNoTurn));
  arrive(passage(a_, 3, 1));
  EXPECT_THAT(left(), ElementsAre(1U, 3U));
  arrive(passage(a_, 0, kNoTurn));
  EXPECT_THAT(left(), ElementsAre(0U, 2U));
}

TEST_F(GateTest, lets_everything_pass_that_has_no_turn) {
  arrive(passage(a_, kNoTurn, kNoTurn));
  EXPECT_EQ(out_.size(), 1U);
}

TEST_F(GateTest, keeps_leases_apart) {
  arrive(passage(a_, 1, 0));
  arrive(passage(b_, 0, kNoTurn));
  EXPECT_THAT(left(), ElementsAre(0U));
  EXPECT_EQ(gate_.waiting(), 1U);
  arrive(passage(a_, 0, kNoTurn));
  EXPECT_THAT(left(), ElementsAre(0U, 1U));
}

TEST_F(GateTest, discards_what_stands_behind_a_discarded_one_in_its_chain) {
  a_->move_to(LeaseStage::closing);
  arrive(passage(a_, 2, 1));  // waits
  arrive(passage(a_, 0, kNoTurn));
  arrive(discarded(a_, 1, 0));
  EXPECT_THAT(left(), ElementsAre(0U, 1U, 2U));
  EXPECT_THAT(outcomes_, ElementsAre(Outcome::published, Outcome::discarded, Outcome::discarded));
  arrive(passage(a_, 3, 2));  // comes later
  EXPECT_THAT(left(), ElementsAre(3U));
  EXPECT_THAT(outcomes_, ElementsAre(Outcome::discarded));
}

TEST_F(GateTest, a_discarded_one_spares_the_chains_of_other_keys) {
  a_->move_to(LeaseStage::closing);
  arrive(discarded(a_, 0, kNoTurn));
  arrive(passage(a_, 1, kNoTurn));
  arrive(passage(a_, 2, 0));
  arrive(passage(a_, 3, 1));
  EXPECT_THAT(left(), ElementsAre(0U, 1U, 2U, 3U));
  EXPECT_THAT(
      outcomes_,
      ElementsAre(Outcome::discarded, Outcome::published, Outcome::discarded, Outcome::published));
}

TEST_F(GateTest, a_turn_that_passes_twice_is_a_bug) {
  arrive(passage(a_, 0, kNoTurn));
  EXPECT_THROW(arrive(passage(a_, 0, kNoTurn)), Bug);
}

TEST_F(GateTest, goes_on_when_leases_have_ended_and_new_ones_began) {
  for (connectors::LeaseId id = 10; id < 60; ++id) {
    const auto one = lease(id);
    arrive(passage(one, 1, 0));
    arrive(passage(one, 0, kNoTurn));
    EXPECT_THAT(left(), ElementsAre(0U, 1U));
    one->move_to(LeaseStage::dead);
  }
  EXPECT_EQ(gate_.waiting(), 0U);
}

/// The turns of `keys` chains, dealt at random, arrive in any order; each chain leaves in its own.
void arrive_in_any_order(std::uint32_t seed, std::size_t keys) {
  constexpr std::size_t kTurns = 500;
  std::mt19937 random(seed);
  const auto of = lease(seed + 100);
  std::vector<std::size_t> key(kTurns);
  std::vector<Turn> last(keys, kNoTurn);
  std::vector<PassagePtr> passages;
  for (Turn turn = 0; turn < kTurns; ++turn) {
    key[turn] = random() % keys;
    passages.push_back(passage(of, turn, last[key[turn]]));
    last[key[turn]] = turn;
  }
  std::shuffle(passages.begin(), passages.end(), random);
  Gate gate;
  std::vector<PassagePtr> out;
  for (PassagePtr& one : passages) gate.arrive(std::move(one), out);
  ASSERT_EQ(out.size(), kTurns);
  std::vector<Turn> before(keys, 0);
  for (const PassagePtr& one : out) {
    ASSERT_GE(one->turn, before[key[one->turn]]) << "seed " << seed;
    before[key[one->turn]] = one->turn;
  }
}

TEST(Gate, keeps_every_chain_whatever_order_its_passages_arrive_in) {
  for (std::uint32_t seed = 0; seed < 10; ++seed) {
    arrive_in_any_order(seed, 1);
    arrive_in_any_order(seed, 7);
    arrive_in_any_order(seed, 300);
  }
}

}  // namespace
}  // namespace millrace::worker
