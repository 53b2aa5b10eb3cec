#include "worker/flow/fate.h"

#include "config/base/check.h"
#include "tests/worker/flow/scene.h"

#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

namespace millrace::worker {
namespace {

using testing::ElementsAre;

/// What has reached the emitter.
std::vector<PassagePtr> arrived(Scene& scene) {
  std::vector<PassagePtr> passages;
  scene.inbox.pop_all(passages);
  return passages;
}

TEST(FateToken, publishes_an_output_and_books_its_bytes) {
  Scene scene;
  FateToken token = scene.admit(scene.begin(), 0, "value");
  connectors::OutRecord out;
  out.key = Bytes::copy_of("k");
  out.value = Bytes::copy_of("result");
  out.headers.push_back({"name", Bytes::copy_of("text")});
  token.publish(3, std::move(out));
  EXPECT_FALSE(token);
  const auto passages = arrived(scene);
  ASSERT_EQ(passages.size(), 1U);
  EXPECT_EQ(passages[0]->outcome, Outcome::published);
  ASSERT_EQ(passages[0]->outputs.size(), 1U);
  EXPECT_EQ(passages[0]->outputs[0].sink, 3U);
  EXPECT_EQ(passages[0]->booked_bytes, 5U + 1U + 6U + 8U);
  EXPECT_EQ(scene.budget.bytes(), passages[0]->booked_bytes);
}

TEST(FateToken, destroyed_unsettled_means_failed) {
  Scene scene;
  const auto lease = scene.begin();
  { const FateToken forgotten = scene.admit(lease, 0); }
  const auto passages = arrived(scene);
  ASSERT_EQ(passages.size(), 1U);
  EXPECT_EQ(passages[0]->outcome, Outcome::failed);
}

TEST(FateToken, replaced_unsettled_means_failed) {
  Scene scene;
  const auto lease = scene.begin();
  FateToken token = scene.admit(lease, 0);
  token = scene.admit(lease, 1);
  EXPECT_EQ(token.record().origin.offset, 1);
  token.filter();
  const auto passages = arrived(scene);
  ASSERT_EQ(passages.size(), 2U);
  EXPECT_EQ(passages[0]->outcome, Outcome::failed);
  EXPECT_EQ(passages[1]->outcome, Outcome::filtered);
}

TEST(FateToken, moved_from_owes_nothing) {
  Scene scene;
  FateToken token = scene.admit(scene.begin(), 0);
  FateToken next = std::move(token);
  EXPECT_FALSE(token);
  EXPECT_TRUE(next);
  next.filter();
  EXPECT_EQ(arrived(scene).size(), 1U);
}

TEST(FateToken, is_settled_once) {
  Scene scene;
  FateToken token = scene.admit(scene.begin(), 0);
  token.filter();
  EXPECT_THROW(token.filter(), Bug);
  EXPECT_THROW(token.publish(0, {}), Bug);
  EXPECT_THROW(token.split(), Bug);
}

TEST(FateToken, arrives_when_the_last_part_is_settled_with_all_outputs) {
  Scene scene;
  FateToken token = scene.admit(scene.begin(), 0);
  FateToken second = token.split();
  FateToken third = second.split();
  token.publish(0, echo(token));
  third.publish(1, echo(third));
  EXPECT_TRUE(arrived(scene).empty());
  second.filter();
  const auto passages = arrived(scene);
  ASSERT_EQ(passages.size(), 1U);
  EXPECT_EQ(passages[0]->outcome, Outcome::published);
  EXPECT_EQ(passages[0]->outputs.size(), 2U);
}

TEST(FateToken, the_worst_verdict_of_the_parts_wins) {
  struct Case {
    const char* parts;
    Outcome expected;
  };

  // f filter, p publish, r reject, d discard, x forget
  for (const Case& one : {Case{"ff", Outcome::filtered},
                          Case{"fp", Outcome::published},
                          Case{"pf", Outcome::published},
                          Case{"rp", Outcome::dead_lettered},
                          Case{"prf", Outcome::dead_lettered},
                          Case{"drp", Outcome::discarded},
                          Case{"pxr", Outcome::failed},
                          Case{"xd", Outcome::failed}}) {
    Scene scene;
    const auto lease = scene.begin();
    FateToken token = scene.admit(lease, 0);
    scene.intake.revoking(lease);
    const std::string parts = one.parts;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      FateToken part = i + 1 < parts.size() ? token.split() : std::move(token);
      if (parts[i] == 'f') part.filter();
      if (parts[i] == 'p') part.publish(0, echo(part));
      if (parts[i] == 'r') part.reject(bad_json());
      if (parts[i] == 'd') part.discard();
    }
    const auto passages = arrived(scene);
    ASSERT_EQ(passages.size(), 1U) << parts;
    EXPECT_EQ(passages[0]->outcome, one.expected) << parts;
  }
}

TEST(FateToken, of_several_failures_the_first_is_kept) {
  Scene scene;
  FateToken token = scene.admit(scene.begin(), 0);
  FateToken part = token.split();
  Failure first = bad_json();
  first.stage = "first";
  token.reject(std::move(first));
  part.reject(bad_json());
  const auto passages = arrived(scene);
  ASSERT_EQ(passages.size(), 1U);
  EXPECT_EQ(passages[0]->failure->stage, "first");
}

TEST(FateToken, is_not_discarded_while_its_lease_is_active) {
  Scene scene;
  const auto lease = scene.begin();
  FateToken token = scene.admit(lease, 0);
  EXPECT_THROW(token.discard(), Bug);
  scene.intake.revoking(lease);
  token.discard();
  EXPECT_EQ(arrived(scene)[0]->outcome, Outcome::discarded);
}

TEST(SettleBatch, sends_what_was_settled_under_it_together_and_in_order) {
  Scene scene;
  const auto lease = scene.begin();
  {
    const SettleBatch batch;
    for (std::int64_t i = 0; i < 3; ++i) scene.admit(lease, i).filter();
    EXPECT_EQ(scene.inbox.size(), 0U);
  }
  std::vector<std::int64_t> offsets;
  for (const auto& one : arrived(scene)) offsets.push_back(one->record.origin.offset);
  EXPECT_THAT(offsets, ElementsAre(0, 1, 2));
}

TEST(SettleBatch, does_not_let_the_first_of_many_wait_for_the_last) {
  Scene scene;
  const auto lease = scene.begin();
  const SettleBatch batch;
  for (std::int64_t i = 0; i < 1000; ++i) scene.admit(lease, i).filter();
  EXPECT_GE(scene.inbox.size(), 500U);
}

TEST(SettleBatch, may_be_nested) {
  Scene scene;
  const auto lease = scene.begin();
  {
    const SettleBatch outer;
    scene.admit(lease, 0).filter();
    {
      const SettleBatch inner;
      scene.admit(lease, 1).filter();
    }
    EXPECT_EQ(scene.inbox.size(), 1U);
  }
  EXPECT_EQ(scene.inbox.size(), 2U);
}

TEST(SettleBatch, keeps_records_of_two_ways_out_apart) {
  Scene one, two;
  const auto lease_one = one.begin();
  const auto lease_two = two.begin();
  {
    const SettleBatch batch;
    one.admit(lease_one, 0).filter();
    two.admit(lease_two, 0).filter();
    one.admit(lease_one, 1).filter();
  }
  EXPECT_EQ(one.inbox.size(), 2U);
  EXPECT_EQ(two.inbox.size(), 1U);
}

TEST(FateThreads, parts_settled_by_many_threads_arrive_once_with_every_output) {
  constexpr std::size_t kThreads = 4;
  constexpr std::int64_t kRecords = 500;
  Scene scene;
  const auto lease = scene.begin();
  std::vector<std::vector<FateToken>> parts(kThreads);
  for (std::int64_t i = 0; i < kRecords; ++i) {
    FateToken token = scene.admit(lease, i);
    for (std::size_t t = 1; t < kThreads; ++t) parts[t].push_back(token.split());
    parts[0].push_back(std::move(token));
  }
  std::vector<std::thread> threads;
  for (std::vector<FateToken>& mine : parts) {
    threads.emplace_back([&mine] {
      const SettleBatch batch;
      for (FateToken& part : mine) part.publish(0, echo(part));
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto passages = arrived(scene);
  ASSERT_EQ(passages.size(), static_cast<std::size_t>(kRecords));
  std::size_t booked = 0;
  for (const PassagePtr& one : passages) {
    EXPECT_EQ(one->outputs.size(), kThreads);
    booked += one->booked_bytes;
  }
  EXPECT_EQ(scene.budget.bytes(), booked);
}

}  // namespace
}  // namespace millrace::worker
