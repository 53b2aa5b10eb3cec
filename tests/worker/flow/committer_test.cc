#include "worker/flow/committer.h"

#include "worker/flow/completion_map.h"

#include <memory>
#include <vector>

#include <gmock/gmock.h>

namespace millrace::worker {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class CommitterTest : public testing::Test {
 protected:
  std::shared_ptr<LeaseState> begin(std::int64_t position) {
    leases_.push_back(std::make_shared<LeaseState>(
        Lease{++last_, "in", 0}, position, std::vector<OffsetRun>(), std::make_shared<Ledger>()));
    return leases_.back();
  }

  static std::vector<std::int64_t> offsets(const std::vector<connectors::Position>& positions) {
    std::vector<std::int64_t> all;
    for (const auto& position : positions) all.push_back(position.offset);
    return all;
  }

  Metrics metrics_;
  Instant now_{1h};
  connectors::LeaseId last_ = 0;
  std::vector<std::shared_ptr<LeaseState>> leases_;
};

TEST_F(CommitterTest, is_due_at_the_interval) {
  Committer committer({.interval = 1s}, metrics_);
  EXPECT_TRUE(committer.due(leases_, now_));
  committer.take(leases_, now_);
  EXPECT_FALSE(committer.due(leases_, now_ + 999ms));
  EXPECT_TRUE(committer.due(leases_, now_ + 1s));
  EXPECT_EQ(committer.next(), now_ + 1s);
}

TEST_F(CommitterTest, is_due_when_one_lease_has_too_much_to_redo) {
  Committer committer({.interval = 1h, .max_redo_records = 2}, metrics_);
  const auto lease = begin(0);
  committer.take(leases_, now_);
  lease->ring().settle(lease->ring().open(0).slot);
  EXPECT_FALSE(committer.due(leases_, now_));
  lease->ring().settle(lease->ring().open(1).slot);
  EXPECT_TRUE(committer.due(leases_, now_));
  committer.take(leases_, now_);
  EXPECT_FALSE(committer.due(leases_, now_));
}

TEST_F(CommitterTest, takes_only_what_has_changed) {
  Committer committer({}, metrics_);
  const auto a = begin(0);
  const auto b = begin(10);
  EXPECT_THAT(offsets(committer.take(leases_, now_)), ElementsAre(0, 10));
  EXPECT_THAT(committer.take(leases_, now_), IsEmpty());
  b->ring().settle(b->ring().open(10).slot);
  EXPECT_THAT(offsets(committer.take(leases_, now_)), ElementsAre(11));
  EXPECT_EQ(committer.committed(b->lease().id), 11);
}

TEST_F(CommitterTest, a_slot_done_above_the_watermark_changes_the_map) {
  Committer committer({.worker = {9}}, metrics_);
  const auto lease = begin(0);
  lease->ring().open(0);
  const auto second = lease->ring().open(1).slot;
  committer.take(leases_, now_);
  lease->ring().settle(second);
  const auto positions = committer.take(leases_, now_);
  ASSERT_EQ(positions.size(), 1U);
  EXPECT_EQ(positions[0].offset, 0);
  const auto map = decode_completion_map(positions[0].metadata);
  ASSERT_TRUE(map);
  EXPECT_EQ(map->worker[0], 9);
  EXPECT_EQ(map->base, 0);
  EXPECT_THAT(map->runs, ElementsAre(OffsetRun{1, 2}));
}

TEST_F(CommitterTest, a_map_without_runs_is_no_metadata) {
  Committer committer({}, metrics_);
  begin(3);
  EXPECT_EQ(committer.take(leases_, now_).at(0).metadata, "");
}

TEST_F(CommitterTest, takes_nothing_of_a_dead_lease) {
  Committer committer({}, metrics_);
  begin(0)->move_to(LeaseStage::dead);
  begin(5)->move_to(LeaseStage::closing);
  EXPECT_THAT(offsets(committer.take(leases_, now_)), ElementsAre(5));
}

TEST_F(CommitterTest, gives_everything_again_after_a_failure) {
  Committer committer({}, metrics_);
  begin(0);
  committer.take(leases_, now_);
  committer.forget_all();
  EXPECT_THAT(offsets(committer.take(leases_, now_)), ElementsAre(0));
}

TEST_F(CommitterTest, at_the_end_gives_each_lease_changed_or_not) {
  Committer committer({}, metrics_);
  const auto lease = begin(4);
  committer.take(leases_, now_);
  lease->move_to(LeaseStage::dead);
  EXPECT_THAT(offsets(committer.last(leases_)), ElementsAre(4));
}

TEST_F(CommitterTest, says_nothing_of_a_partition_whose_position_is_not_known) {
  Committer committer({}, metrics_);
  begin(-1);
  EXPECT_THAT(committer.take(leases_, now_), IsEmpty());
  EXPECT_THAT(committer.last(leases_), IsEmpty());
}

}  // namespace
}  // namespace millrace::worker
