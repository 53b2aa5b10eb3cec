#include "worker/flow/intake.h"

#include "config/base/check.h"
#include "tests/worker/flow/scene.h"
#include "worker/flow/completion_map.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>

namespace millrace::worker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string map_of(std::int64_t base, std::vector<OffsetRun> runs) {
  CompletionMap map;
  map.base = base;
  map.runs = std::move(runs);
  return encode(map);
}

/// Settles what was admitted and returns the turn each record waits for, by offset.
std::vector<Turn> waits_for(Scene& scene, std::vector<FateToken>& tokens) {
  for (FateToken& token : tokens) token.filter();
  std::vector<PassagePtr> passages;
  scene.inbox.pop_all(passages);
  std::vector<Turn> after;
  for (const PassagePtr& one : passages) after.push_back(one->after);
  return after;
}

std::vector<FateToken> admit_keys(Scene& scene, const std::vector<const char*>& keys) {
  const auto lease = scene.begin();
  std::vector<FateToken> tokens;
  std::int64_t offset = 0;
  for (const char* key : keys) {
    tokens.push_back(
        scene.admit(lease, offset++, "v", key == nullptr ? Bytes() : Bytes::copy_of(key)));
  }
  return tokens;
}

TEST(Intake, in_partition_order_each_record_follows_the_one_before) {
  Scene scene(Ordering::partition);
  auto tokens = admit_keys(scene, {"a", "b", nullptr});
  EXPECT_THAT(waits_for(scene, tokens), ElementsAre(kNoTurn, 0U, 1U));
}

TEST(Intake, in_key_order_each_record_follows_the_last_with_its_key) {
  Scene scene(Ordering::key);
  auto tokens = admit_keys(scene, {"a", "b", "a", nullptr, "b", "a", nullptr});
  EXPECT_THAT(waits_for(scene, tokens), ElementsAre(kNoTurn, kNoTurn, 0U, kNoTurn, 1U, 2U, 3U));
}

TEST(Intake, without_order_nobody_follows_anybody) {
  Scene scene(Ordering::none);
  auto tokens = admit_keys(scene, {"a", "a"});
  EXPECT_THAT(waits_for(scene, tokens), ElementsAre(kNoTurn, kNoTurn));
}

TEST(Intake, spares_what_the_map_says_is_done_and_counts_it) {
  Scene scene;
  const auto lease = scene.begin(0, 5, map_of(5, {{6, 8}}));
  std::vector<connectors::Record> records;
  for (std::int64_t offset = 5; offset < 10; ++offset) {
    records.push_back(Scene::record(lease, offset));
  }
  std::vector<FateToken> tokens;
  EXPECT_EQ(scene.intake.admit(records, scene.clock.now(), tokens), 5U);
  std::vector<std::int64_t> offsets;
  for (const FateToken& token : tokens) offsets.push_back(token.record().origin.offset);
  EXPECT_THAT(offsets, ElementsAre(5, 8, 9));
  EXPECT_EQ(scene.counts().already_done, 2U);
  EXPECT_EQ(scene.counts().in_flight, 3U);
  EXPECT_TRUE(scene.counts().balanced());
  EXPECT_EQ(scene.budget.records(), 3U);
  // Those spared do not hold up the order.
  EXPECT_THAT(waits_for(scene, tokens), ElementsAre(kNoTurn, 0U, 1U));
}

TEST(Intake, a_map_of_another_offset_is_not_believed) {
  Scene scene;
  const auto lease = scene.begin(0, 0, map_of(5, {{6, 8}}));
  scene.admit(lease, 6).filter();
  EXPECT_EQ(scene.counts().already_done, 0U);
}

TEST(Intake, a_map_that_cannot_be_read_costs_work_and_is_counted) {
  Scene scene;
  const auto lease = scene.begin(0, 5, "somebody else's notes");
  scene.admit(lease, 5).filter();
  EXPECT_EQ(scene.counts().already_done, 0U);
  EXPECT_EQ(scene.metrics
                .counter("worker_ignored_completion_maps_total",
                         "Completion maps that could not be read; costs work only.")
                .value(),
            1U);
}

TEST(Intake, admits_from_the_front_as_far_as_the_budget_lets) {
  Scene scene(Ordering::partition, {.max_records = 10, .max_bytes = 12});
  const auto lease = scene.begin();
  std::vector<connectors::Record> records;
  for (std::int64_t i = 0; i < 4; ++i) records.push_back(Scene::record(lease, i, "12345"));
  std::vector<FateToken> tokens;
  EXPECT_EQ(scene.intake.admit(records, scene.clock.now(), tokens), 2U);
  EXPECT_EQ(tokens.size(), 2U);
  EXPECT_EQ(scene.budget.bytes(), 10U);
  EXPECT_EQ(scene.counts().received, 2U);
  for (FateToken& token : tokens) token.filter();
}

TEST(Intake, leaves_records_of_ending_leases_to_the_next_owner) {
  Scene scene;
  const auto closing = scene.begin(0);
  const auto ended = scene.begin(1);
  const auto active = scene.begin(2);
  scene.intake.revoking(closing);
  scene.intake.end(ended);
  std::vector<connectors::Record> records;
  records.push_back(Scene::record(closing, 0));
  records.push_back(Scene::record(ended, 0));
  records.push_back(Scene::record(active, 0, "mine"));
  std::vector<FateToken> tokens;
  EXPECT_EQ(scene.intake.admit(records, scene.clock.now(), tokens), 3U);
  ASSERT_EQ(tokens.size(), 1U);
  EXPECT_EQ(tokens[0].record().value.view(), "mine");
  EXPECT_EQ(scene.counts().received, 1U);
  tokens[0].filter();
}

TEST(Intake, a_lease_only_moves_towards_its_end) {
  Scene scene;
  const auto lease = scene.begin();
  const std::shared_ptr<LeaseState> state = scene.intake.leases().at(0);
  EXPECT_TRUE(state->active());
  scene.intake.end(lease);
  EXPECT_TRUE(state->dead());
  state->move_to(LeaseStage::closing);
  EXPECT_TRUE(state->dead());
  EXPECT_EQ(scene.intake.find(lease), nullptr);
  EXPECT_THAT(scene.intake.leases(), IsEmpty());
}

TEST(Intake, a_partition_that_comes_back_goes_on_counting) {
  Scene scene;
  scene.admit(scene.begin(0), 0).filter();
  scene.emit();
  scene.admit(scene.begin(0), 1).filter();
  scene.emit();
  ASSERT_EQ(scene.ledgers.rows().size(), 1U);
  EXPECT_EQ(scene.ledgers.rows()[0].counts.filtered, 2U);
}

TEST(Intake, a_lease_that_begins_twice_is_a_bug) {
  Scene scene;
  const auto lease = scene.begin();
  EXPECT_THROW(scene.intake.assigned({lease, "in", 0, 0, {}}), Bug);
}

}  // namespace
}  // namespace millrace::worker
