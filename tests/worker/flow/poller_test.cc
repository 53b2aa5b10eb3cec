#include "worker/flow/poller.h"

#include "connectors/memory/source.h"
#include "tests/worker/flow/scene.h"

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gmock/gmock.h>

namespace millrace::worker {
namespace {

using namespace std::chrono_literals;
using connectors::LeaseId;
using connectors::MemorySource;
using connectors::Position;
using testing::ElementsAre;
using testing::IsEmpty;

/// Passes everything on and notes what was asked of it. Never waits.
class NotedSource final : public connectors::Source {
 public:
  explicit NotedSource(connectors::Source& inner) : inner_(inner) {}

  Result<void> open() override { return inner_.open(); }

  Result<connectors::Polled> poll(std::chrono::milliseconds wait, std::size_t most) override {
    ++polls;
    last_wait = wait;
    return inner_.poll(0ms, most);
  }

  void pause(std::span<const LeaseId> leases) override { inner_.pause(leases); }

  void resume(std::span<const LeaseId> leases) override { inner_.resume(leases); }

  Result<void> commit(std::span<const Position> positions) override {
    ++commits;
    return inner_.commit(positions);
  }

  Result<void> release(std::span<const LeaseId> leases,
                       std::span<const Position> positions) override {
    ++releases;
    released.insert(released.end(), leases.begin(), leases.end());
    return inner_.release(leases, positions);
  }

  Result<void> close(std::span<const Position> positions,
                     std::chrono::milliseconds deadline) override {
    return inner_.close(positions, deadline);
  }

  connectors::SourceProgress progress() const override { return inner_.progress(); }

  bool keeps_positions() const override { return inner_.keeps_positions(); }

  int polls = 0;
  int commits = 0;
  int releases = 0;
  std::chrono::milliseconds last_wait{-1};
  std::vector<LeaseId> released;

 private:
  connectors::Source& inner_;
};

class PollerTest : public testing::Test {
 protected:
  Poller& poller(PollerOptions options = {.poll_wait = 0ms}) {
    if (!poller_) {
      opened_ = static_cast<bool>(noted_.open());
      poller_ = std::make_unique<Poller>(
          "in",
          noted_,
          options,
          scene_.exit,
          [this](std::vector<FateToken> tokens) {
            chunks_.push_back(tokens.size());
            for (FateToken& token : tokens) tokens_.push_back(std::move(token));
          },
          scene_.stop,
          scene_.metrics,
          scene_.clock);
    }
    return *poller_;
  }

  void step(int steps = 3) {
    for (int i = 0; i < steps; ++i) poller().step();
  }

  void later(std::chrono::milliseconds time) {
    scene_.clock.advance(time);
    step();
  }

  void publish_all() {
    for (FateToken& token : tokens_) {
      if (token) token.publish(0, echo(token));
    }
    scene_.emit();
  }

  LedgerCounts counts() { return poller().ledgers().total(); }

  Scene scene_;
  MemorySource source_{"in", 2};
  NotedSource noted_{source_};
  std::unique_ptr<Poller> poller_;
  bool opened_ = false;
  std::vector<FateToken> tokens_;
  std::vector<std::size_t> chunks_;
};

TEST_F(PollerTest, hands_over_what_a_poll_brought_in_one_chunk) {
  for (int i = 0; i < 5; ++i) source_.push(i % 2, "v");
  step();
  EXPECT_THAT(chunks_, ElementsAre(5U));
  publish_all();
}

TEST_F(PollerTest, waits_inside_a_source_that_keeps_no_positions) {
  source_.forget_positions();
  poller({.poll_wait = 50ms});
  step();
  EXPECT_EQ(noted_.last_wait, 50ms);
  later(5s);
  EXPECT_EQ(noted_.last_wait, 50ms);
}

TEST_F(PollerTest, does_not_sleep_over_the_next_commit) {
  poller({.poll_wait = 50ms});
  step();
  scene_.clock.advance(990ms);
  step(1);
  EXPECT_EQ(noted_.last_wait, 10ms);
}

TEST_F(PollerTest, commits_at_the_interval_and_only_what_has_changed) {
  source_.push(0, "a");
  step();
  const int first = noted_.commits;
  publish_all();
  step();
  EXPECT_EQ(noted_.commits, first);
  later(1s);
  EXPECT_EQ(source_.committed(0), 1);
  EXPECT_EQ(noted_.commits, first + 1);
  later(10s);
  EXPECT_EQ(noted_.commits, first + 1);
}

TEST_F(PollerTest, commits_sooner_when_much_would_be_redone) {
  poller({.commit = {.interval = 1h, .max_redo_records = 3}, .poll_wait = 0ms});
  step();
  for (int i = 0; i < 3; ++i) source_.push(0, "v");
  step();
  publish_all();
  step();
  EXPECT_EQ(source_.committed(0), 3);
}

TEST_F(PollerTest, commits_again_what_did_not_arrive) {
  source_.push(0, "a");
  step();
  publish_all();
  source_.fail_next_commit(error(Errc::unavailable, "KAFKA_UNREACHABLE", "simulated"));
  later(1s);
  EXPECT_NE(source_.committed(0), 1);
  later(2s);
  EXPECT_EQ(source_.committed(0), 1);
  EXPECT_FALSE(scene_.stop.stopped());
}

TEST_F(PollerTest, positions_never_go_backwards) {
  std::vector<std::int64_t> offsets;
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 4; ++i) source_.push(0, "v");
    step();
    for (std::size_t i = tokens_.size(); i-- > 0;) {
      tokens_[i].publish(0, echo(tokens_[i]));
      scene_.emit();
      later(1s);
    }
    tokens_.clear();
  }
  for (const Position& position : source_.commits()) {
    if (position.lease == source_.lease(0)) offsets.push_back(position.offset);
  }
  ASSERT_GE(offsets.size(), 5U);
  EXPECT_TRUE(std::is_sorted(offsets.begin(), offsets.end()));
  EXPECT_EQ(offsets.back(), 20);
}

TEST_F(PollerTest, follows_over_offsets_that_hold_no_records) {
  source_.push(0, "a");
  source_.skip_offsets(0, 10);
  step();
  publish_all();
  later(1s);
  EXPECT_EQ(source_.committed(0), 11);
}

TEST_F(PollerTest, does_not_follow_past_a_record_it_still_holds) {
  // The budget has room for one; the second record was polled and is not admitted.
  Scene tight(Ordering::partition, {.max_records = 1});
  std::vector<FateToken> tokens;
  ASSERT_TRUE(source_.open());
  Poller reader(
      "in",
      source_,
      {.poll_wait = 0ms},
      tight.exit,
      [&](std::vector<FateToken> chunk) {
        for (FateToken& token : chunk) tokens.push_back(std::move(token));
      },
      tight.stop,
      tight.metrics,
      tight.clock);
  source_.push(0, "a");
  source_.push(0, "b");
  reader.step();
  ASSERT_EQ(tokens.size(), 1U);
  tight.clock.advance(5s);
  reader.step();
  EXPECT_EQ(source_.committed(0).value_or(0), 0);
  tokens[0].filter();
  tight.emit();
  // The token of the second one comes with the step that admits it, before any commit.
  reader.step();
  ASSERT_EQ(tokens.size(), 2U);
  tight.clock.advance(5s);
  reader.step();
  EXPECT_EQ(source_.committed(0), 1);
  tokens[1].filter();
  tight.emit();
}

TEST_F(PollerTest, an_oversized_record_is_admitted_when_nothing_is_in_flight) {
  Scene tight(Ordering::partition, {.max_records = 10, .max_bytes = 4});
  std::vector<FateToken> tokens;
  ASSERT_TRUE(source_.open());
  Poller reader(
      "in",
      source_,
      {.poll_wait = 0ms, .hold = 10ms},
      tight.exit,
      [&](std::vector<FateToken> chunk) {
        for (FateToken& token : chunk) tokens.push_back(std::move(token));
      },
      tight.stop,
      tight.metrics,
      tight.clock);
  source_.push(0, "0123456789");
  source_.push(0, "0123456789");
  reader.step();
  reader.step();
  EXPECT_EQ(tokens.size(), 1U);
  EXPECT_TRUE(reader.paused());
  tokens[0].filter();
  tight.emit();
  for (int i = 0; i < 4; ++i) {
    tight.clock.advance(20ms);
    reader.step();
  }
  EXPECT_EQ(tokens.size(), 2U);
  tokens[1].filter();
  tight.emit();
  tight.clock.advance(20ms);
  reader.step();
  EXPECT_FALSE(reader.paused());
  EXPECT_FALSE(source_.paused(0));
}

TEST_F(PollerTest, a_ring_that_grows_long_pauses_its_partition_alone) {
  poller({.poll_wait = 0ms, .max_span = 4});
  for (int i = 0; i < 8; ++i) source_.push(0, "v");
  step();
  EXPECT_TRUE(source_.paused(0));
  EXPECT_FALSE(source_.paused(1));
  publish_all();
  step();
  EXPECT_FALSE(source_.paused(0));
}

TEST_F(PollerTest, a_drain_admits_nothing_more_and_commits_what_is_done) {
  source_.push(0, "a");
  step();
  poller().drain();
  source_.push(0, "b");
  step();
  publish_all();
  later(1s);
  EXPECT_EQ(tokens_.size(), 1U);
  EXPECT_EQ(source_.committed(0), 1);
  ASSERT_TRUE(poller().close(1s));
  EXPECT_EQ(source_.committed(0), 1);
}

TEST_F(PollerTest, a_bounded_source_is_exhausted_when_its_last_record_is_admitted) {
  source_.push(0, "a");
  step();
  EXPECT_FALSE(poller().exhausted());
  source_.finish();
  step();
  EXPECT_TRUE(poller().exhausted());
  publish_all();
}

TEST_F(PollerTest, a_partition_that_comes_during_a_drain_is_paused_and_its_records_are_left) {
  source_.assign_on_open(false);
  step();
  poller().drain();
  source_.push(0, "a");
  source_.assign(0);
  step();
  EXPECT_TRUE(source_.paused(0));
  EXPECT_THAT(tokens_, testing::SizeIs(0));
  ASSERT_TRUE(poller().close(1s));
  EXPECT_EQ(source_.committed(0).value_or(0), 0);
}

TEST_F(PollerTest, a_bounded_source_is_not_exhausted_while_a_record_waits_for_room) {
  // Somebody else leaves room for one.
  scene_.budget.book(scene_.budget.options().max_records - 1, 0);
  source_.push(0, "a");
  source_.push(0, "b");
  source_.finish();
  step();
  EXPECT_EQ(tokens_.size(), 1U);
  EXPECT_FALSE(poller().exhausted());
  scene_.budget.release(scene_.budget.options().max_records - 1, 0);
  step();
  EXPECT_EQ(tokens_.size(), 2U);
  EXPECT_TRUE(poller().exhausted());
  publish_all();
}

TEST_F(PollerTest, close_commits_the_last_positions) {
  source_.push(0, "a");
  source_.push(0, "b");
  step();
  tokens_[0].publish(0, echo(tokens_[0]));
  scene_.emit();
  ASSERT_TRUE(poller().close(1s));
  EXPECT_TRUE(source_.closed());
  EXPECT_EQ(source_.committed(0), 1);
  publish_all();  // too late: no effect
  EXPECT_THAT(values(scene_.out.written()), ElementsAre("a"));
}

TEST_F(PollerTest, close_after_an_error_commits_nothing) {
  source_.push(0, "a");
  step();
  publish_all();
  scene_.stop.stop(error(Errc::denied, "KAFKA_DENIED", "simulated"));
  later(5s);
  ASSERT_TRUE(poller().close(1s));
  EXPECT_TRUE(source_.closed());
  EXPECT_NE(source_.committed(0), 1);
}

TEST_F(PollerTest, a_revoked_partition_waits_for_what_is_in_flight_and_the_others_go_on) {
  source_.push(0, "a");
  source_.push(1, "b");
  step();
  source_.revoke(0);
  step();
  source_.push(1, "c");
  step();
  EXPECT_THAT(noted_.released, IsEmpty());
  EXPECT_EQ(tokens_.size(), 3U);
  publish_all();
  step();
  EXPECT_EQ(noted_.released.size(), 1U);
  EXPECT_EQ(source_.committed(0), 1);
  EXPECT_NE(source_.lease(1), 0U);
}

TEST_F(PollerTest, several_partitions_revoked_together_are_released_together) {
  step();
  const std::vector<LeaseId> both = {source_.lease(0), source_.lease(1)};
  source_.revoke(0);
  source_.revoke(1);
  step(1);
  EXPECT_THAT(noted_.released, testing::UnorderedElementsAreArray(both));
}

TEST_F(PollerTest, the_shorter_of_drain_timeout_and_the_groups_patience_ends_the_wait) {
  poller({.poll_wait = 0ms, .drain_timeout = 50ms});
  source_.push(0, "a");
  step();
  source_.revoke(0, 10s);
  step();
  later(49ms);
  EXPECT_THAT(noted_.released, IsEmpty());
  later(1ms);
  EXPECT_EQ(noted_.released.size(), 1U);
  publish_all();
  EXPECT_THAT(scene_.out.written(), IsEmpty());
}

TEST_F(PollerTest, a_partition_lost_while_it_is_being_revoked_is_not_released) {
  source_.push(0, "a");
  step();
  source_.revoke(0);
  step();
  source_.lose(0);
  step();
  later(30s);
  EXPECT_EQ(noted_.releases, 0);
  publish_all();
}

TEST_F(PollerTest, a_partition_revoked_and_lost_in_one_poll_is_not_released) {
  source_.push(0, "a");
  step();
  source_.revoke(0);
  source_.lose(0);
  step();
  later(30s);
  EXPECT_EQ(noted_.releases, 0);
  EXPECT_EQ(source_.stale_commits(), 0U);
  publish_all();
  EXPECT_EQ(counts().discarded, 1U);
}

TEST_F(PollerTest, a_release_that_is_denied_stops_before_anything_else_is_committed) {
  source_.push(0, "a");
  source_.push(1, "b");
  step();
  publish_all();
  source_.revoke(0);
  source_.fail_next_commit(error(Errc::fenced, "KAFKA_FENCED", "simulated"));
  later(1s);
  ASSERT_TRUE(scene_.stop.stopped());
  EXPECT_NE(source_.committed(1), 1);
}

TEST_F(PollerTest, waits_longer_and_longer_while_the_source_is_away) {
  poller({.poll_wait = 0ms, .retry_first = 100ms, .retry_last = 150ms});
  const auto away = error(Errc::unavailable, "KAFKA_UNREACHABLE", "simulated");
  source_.fail_next_poll(away);
  step(1);
  const int polls = noted_.polls;
  later(99ms);
  EXPECT_EQ(noted_.polls, polls);
  source_.fail_next_poll(away);
  later(1ms);
  EXPECT_EQ(noted_.polls, polls + 1);
  source_.fail_next_poll(away);
  later(149ms);
  EXPECT_EQ(noted_.polls, polls + 1);
  later(1ms);
  EXPECT_EQ(noted_.polls, polls + 2);
  EXPECT_FALSE(scene_.stop.stopped());
}

TEST_F(PollerTest, says_how_far_it_is) {
  source_.push(0, "a");
  source_.push(0, "b");
  step();
  publish_all();
  later(1s);
  later(1s);
  const PollerProgress progress = poller().progress();
  ASSERT_EQ(progress.partitions.size(), 2U);
  EXPECT_EQ(progress.partitions[0].position, 2);
  EXPECT_EQ(progress.partitions[0].committed, 2);
  EXPECT_EQ(progress.partitions[0].end, 2);
}

}  // namespace
}  // namespace millrace::worker
