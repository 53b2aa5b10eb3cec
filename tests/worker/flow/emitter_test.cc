#include "worker/flow/emitter.h"

#include "tests/worker/flow/scene.h"

#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>

namespace millrace::worker {
namespace {

using namespace std::chrono_literals;
using connectors::OutRecord;
using testing::ElementsAre;
using testing::IsEmpty;

const Error kAway = error(Errc::unavailable, "KAFKA_UNREACHABLE", "simulated");
const Error kTooLarge = error(Errc::invalid_input, "TOO_LARGE", "simulated");

/// Nothing of what was admitted is left anywhere.
void expect_empty(const Scene& scene) {
  EXPECT_EQ(scene.budget.records(), 0U);
  EXPECT_EQ(scene.budget.bytes(), 0U);
  EXPECT_EQ(scene.counts().in_flight, 0U);
  EXPECT_TRUE(scene.counts().balanced());
  for (const auto& lease : scene.intake.leases()) EXPECT_EQ(lease->in_flight(), 0);
}

TEST(Emitter, a_record_is_done_when_each_of_its_outputs_is_delivered) {
  Scene scene;
  const auto lease = scene.begin();
  FateToken token = scene.admit(lease, 0, "a");
  FateToken part = token.split();
  scene.dead.hold_verdicts();
  part.publish(1, echo(part));
  token.publish(0, echo(token));
  scene.emit();
  EXPECT_EQ(scene.counts().in_flight, 1U);
  EXPECT_EQ(scene.intake.find(lease)->ring().watermark(), 0);

  scene.dead.stop_holding();
  scene.emit();

  EXPECT_EQ(scene.counts().published, 1U);
  EXPECT_EQ(scene.intake.find(lease)->ring().watermark(), 1);
  EXPECT_THAT(values(scene.out.written()), ElementsAre("a"));
  EXPECT_THAT(values(scene.dead.written()), ElementsAre("a"));
  expect_empty(scene);
}

TEST(Emitter, what_is_filtered_passes_in_its_order_and_writes_nothing) {
  Scene scene;
  const auto lease = scene.begin();
  FateToken first = scene.admit(lease, 0, "a");
  FateToken second = scene.admit(lease, 1, "b");
  second.publish(0, echo(second));
  scene.emit();
  EXPECT_THAT(scene.out.written(), IsEmpty());
  first.filter();
  scene.emit();
  EXPECT_THAT(values(scene.out.written()), ElementsAre("b"));
  EXPECT_EQ(scene.counts().filtered, 1U);
  expect_empty(scene);
}

TEST(Emitter, a_record_of_which_one_branch_is_rejected_writes_both_and_counts_as_dead_lettered) {
  Scene scene;
  const auto lease = scene.begin();
  FateToken token = scene.admit(lease, 0, "a");
  FateToken part = token.split();
  token.publish(0, echo(token));
  part.reject(bad_json());
  scene.emit();
  EXPECT_THAT(values(scene.out.written()), ElementsAre("a"));
  EXPECT_THAT(values(scene.dead.written()), ElementsAre("a"));
  EXPECT_EQ(scene.counts().dead_lettered, 1U);
  EXPECT_EQ(scene.counts().published, 0U);
  expect_empty(scene);
}

TEST(Emitter, a_dead_letter_says_when_if_nobody_else_did) {
  Scene scene;
  scene.clock.advance(1234ms);
  FateToken token = scene.admit(scene.begin(), 7, "a");
  token.reject(bad_json());
  scene.emit();
  ASSERT_EQ(scene.dead.written().size(), 1U);
  const OutRecord letter = scene.dead.written()[0].record;
  EXPECT_THAT(headers(letter, "millrace-dlq-first"), ElementsAre("1234"));
  EXPECT_THAT(headers(letter, "millrace-dlq-last"), ElementsAre("1234"));
  EXPECT_THAT(headers(letter, "millrace-dlq-source"), ElementsAre("in/0/7"));
}

TEST(Emitter, without_a_place_for_dead_letters_they_are_counted) {
  Scene scene;
  scene.emitter(EmitterOptions{});
  FateToken token = scene.admit(scene.begin(), 0, "a");
  token.reject(bad_json());
  scene.emit();
  EXPECT_THAT(scene.dead.written(), IsEmpty());
  EXPECT_EQ(scene.counts().dead_lettered, 1U);
  expect_empty(scene);
}

TEST(Emitter, of_a_dead_letter_that_is_too_large_the_value_is_left_out) {
  Scene scene;
  scene.dead.fail_when([](const OutRecord& record) -> std::optional<Error> {
    if (record.value.is_null()) return std::nullopt;
    return kTooLarge;
  });
  FateToken token = scene.admit(scene.begin(), 0, "huge");
  token.reject(bad_json());
  scene.emit(4);
  ASSERT_EQ(scene.dead.delivered().size(), 1U);
  EXPECT_THAT(headers(scene.dead.delivered()[0].record, "millrace-dlq-value"),
              ElementsAre(testing::StartsWith("length=4 sha256=")));
  EXPECT_EQ(scene.counts().dead_lettered, 1U);
  expect_empty(scene);
}

TEST(Emitter, a_dead_letter_that_nobody_takes_stops_the_worker_and_is_not_dropped) {
  Scene scene;
  scene.dead.fail_when([](const OutRecord&) { return std::optional(kTooLarge); });
  const auto lease = scene.begin();
  FateToken token = scene.admit(lease, 0, "huge");
  token.reject(bad_json());
  scene.emit(4);
  ASSERT_TRUE(scene.stop.stopped());
  EXPECT_EQ(scene.stop.error()->code, "DEAD_LETTER_REFUSED");
  EXPECT_EQ(scene.counts().in_flight, 1U);
  EXPECT_EQ(scene.intake.find(lease)->ring().watermark(), 0);
}

TEST(Emitter, while_dead_letters_have_nowhere_to_go_they_are_held) {
  Scene scene;
  bool away = true;
  scene.dead.fail_when([&](const OutRecord&) -> std::optional<Error> {
    return away ? std::optional(kAway) : std::nullopt;
  });
  const auto lease = scene.begin();
  FateToken token = scene.admit(lease, 0, "bad");
  token.reject(bad_json());
  for (int i = 0; i < 20; ++i) {
    scene.emit();
    scene.clock.advance(10s);
  }
  EXPECT_FALSE(scene.stop.stopped());
  EXPECT_EQ(scene.counts().in_flight, 1U);
  EXPECT_EQ(scene.intake.find(lease)->ring().watermark(), 0);

  away = false;
  scene.clock.advance(10s);
  scene.emit();

  ASSERT_EQ(scene.dead.delivered().size(), 1U);
  const OutRecord letter = scene.dead.delivered()[0].record;
  EXPECT_EQ(letter.headers.back().name, "millrace-dlq-added");
  EXPECT_THAT(headers(letter, "millrace-redelivery"), IsEmpty());
  expect_empty(scene);
}

TEST(Emitter, a_final_error_of_the_outside_stops_and_nothing_is_settled_after_it) {
  for (const Errc kind : {Errc::denied, Errc::not_found, Errc::fenced, Errc::local_io}) {
    Scene scene;
    scene.out.fail_when([&](const OutRecord& record) -> std::optional<Error> {
      if (record.value.view() == "a") return std::nullopt;
      return error(kind, "KAFKA_DENIED", "simulated");
    });
    const auto lease = scene.begin();
    FateToken first = scene.admit(lease, 0, "a");
    FateToken second = scene.admit(lease, 1, "b");
    FateToken third = scene.admit(lease, 2, "c");
    first.publish(0, echo(first));
    second.publish(0, echo(second));
    scene.emit();
    ASSERT_TRUE(scene.stop.stopped());
    EXPECT_EQ(scene.stop.error()->kind, kind);
    const std::size_t written = scene.out.written().size();
    third.publish(0, echo(third));
    const std::uint64_t in_flight = scene.counts().in_flight;
    scene.admit(scene.begin(1), 0).filter();
    scene.emit(5);
    EXPECT_EQ(scene.counts().in_flight, in_flight + 1);
    EXPECT_EQ(scene.out.written().size(), written);
    EXPECT_LE(scene.intake.find(lease)->ring().watermark(), 1);
  }
}

TEST(Emitter, an_error_of_write_is_judged_like_a_verdict) {
  Scene scene;
  scene.out.refuse_when([](const OutRecord& record) -> std::optional<Error> {
    if (record.value.view() != "huge") return std::nullopt;
    return kTooLarge;
  });
  const auto lease = scene.begin();
  FateToken huge = scene.admit(lease, 0, "huge");
  FateToken small = scene.admit(lease, 1, "small");
  huge.publish(0, echo(huge));
  small.publish(0, echo(small));
  scene.emit(4);
  EXPECT_THAT(values(scene.out.written()), ElementsAre("small"));
  EXPECT_THAT(values(scene.dead.written()), ElementsAre("huge"));
  EXPECT_EQ(scene.counts().dead_lettered, 1U);
  expect_empty(scene);
}

TEST(Emitter, one_dead_letter_is_written_for_several_outputs_that_are_refused) {
  Scene scene;
  scene.out.fail_when([](const OutRecord&) { return std::optional(kTooLarge); });
  FateToken token = scene.admit(scene.begin(), 0, "huge");
  FateToken part = token.split();
  token.publish(0, echo(token));
  part.publish(0, echo(part));
  scene.emit(5);
  EXPECT_EQ(scene.dead.delivered().size(), 1U);
  EXPECT_EQ(scene.counts().dead_lettered, 1U);
  expect_empty(scene);
}

TEST(Emitter, waits_longer_and_longer_for_a_sink_that_is_away_and_writes_to_the_others) {
  Scene scene;
  EmitterOptions options;
  options.retry_first = 100ms;
  options.retry_last = 150ms;
  scene.emitter(options);
  bool away = true;
  scene.out.fail_when([&](const OutRecord&) -> std::optional<Error> {
    return away ? std::optional(kAway) : std::nullopt;
  });
  const auto lease = scene.begin();
  FateToken first = scene.admit(lease, 0, "a");
  FateToken second = scene.admit(lease, 1, "b");
  first.publish(0, echo(first));
  second.publish(1, echo(second));
  scene.emit();
  EXPECT_EQ(scene.out.written().size(), 1U);
  EXPECT_THAT(values(scene.dead.delivered()), ElementsAre("b"));
  scene.clock.advance(99ms);
  scene.emit();
  EXPECT_EQ(scene.out.written().size(), 1U);
  scene.clock.advance(1ms);
  scene.emit();
  EXPECT_EQ(scene.out.written().size(), 2U);
  scene.clock.advance(149ms);
  scene.emit();
  EXPECT_EQ(scene.out.written().size(), 2U);
  away = false;
  scene.clock.advance(1ms);
  scene.emit();
  ASSERT_EQ(scene.out.delivered().size(), 1U);
  EXPECT_THAT(headers(scene.out.delivered()[0].record, "millrace-redelivery"), ElementsAre("true"));
  expect_empty(scene);
}

TEST(Emitter, what_is_written_again_comes_before_what_left_the_gate_later) {
  Scene scene;
  bool away = true;
  scene.out.fail_when([&](const OutRecord&) -> std::optional<Error> {
    return away ? std::optional(kAway) : std::nullopt;
  });
  const auto lease = scene.begin();
  for (std::int64_t i = 0; i < 3; ++i) {
    FateToken token = scene.admit(lease, i, std::to_string(i));
    token.publish(0, echo(token));
  }
  scene.emit();
  away = false;
  for (std::int64_t i = 3; i < 6; ++i) {
    FateToken token = scene.admit(lease, i, std::to_string(i));
    token.publish(0, echo(token));
  }
  scene.emit();
  scene.clock.advance(10s);
  scene.emit();
  EXPECT_THAT(values(scene.out.delivered()), ElementsAre("0", "1", "2", "3", "4", "5"));
  expect_empty(scene);
}

TEST(Emitter, what_is_written_again_comes_before_what_was_still_waiting_to_be_written) {
  Scene scene;
  bool away = true;
  scene.out.set_capacity(2);
  scene.out.hold_verdicts();
  scene.out.fail_when([&](const OutRecord&) -> std::optional<Error> {
    return away ? std::optional(kAway) : std::nullopt;
  });
  const auto lease = scene.begin();
  for (std::int64_t i = 0; i < 4; ++i) {
    FateToken token = scene.admit(lease, i, std::to_string(i));
    token.publish(0, echo(token));
  }
  scene.emit();
  EXPECT_THAT(values(scene.out.written()), ElementsAre("0", "1"));
  scene.out.stop_holding();
  away = false;
  scene.emit();
  scene.clock.advance(10s);
  scene.emit(6);
  EXPECT_THAT(values(scene.out.delivered()), ElementsAre("0", "1", "2", "3"));
  expect_empty(scene);
}

TEST(Emitter, what_has_not_been_written_when_its_lease_dies_has_no_effect) {
  Scene scene;
  scene.out.cork();
  const auto lease = scene.begin();
  const auto other = scene.begin(1);
  FateToken lost = scene.admit(lease, 0, "lost");
  FateToken kept = scene.admit(other, 0, "kept");
  lost.publish(0, echo(lost));
  kept.publish(0, echo(kept));
  scene.emit();
  scene.intake.end(lease);
  scene.emit();
  scene.out.uncork();
  scene.emit();
  EXPECT_THAT(values(scene.out.written()), ElementsAre("kept"));
  EXPECT_EQ(scene.counts().discarded, 1U);
  EXPECT_EQ(scene.counts().published, 1U);
  expect_empty(scene);
}

TEST(Emitter, what_was_at_the_broker_when_its_lease_died_is_counted_once) {
  Scene scene;
  scene.out.hold_verdicts();
  const auto lease = scene.begin();
  FateToken token = scene.admit(lease, 0, "a");
  token.publish(0, echo(token));
  scene.emit();
  EXPECT_EQ(scene.out.written().size(), 1U);
  scene.intake.end(lease);
  scene.emit();
  EXPECT_EQ(scene.counts().in_flight, 1U);
  scene.out.stop_holding();
  scene.emit();
  EXPECT_EQ(scene.counts().published + scene.counts().discarded, 1U);
  expect_empty(scene);
}

TEST(Emitter, what_fails_at_the_broker_after_its_lease_died_is_not_written_again) {
  Scene scene;
  scene.out.hold_verdicts();
  scene.out.fail_when([](const OutRecord&) { return std::optional(kAway); });
  const auto lease = scene.begin();
  FateToken token = scene.admit(lease, 0, "a");
  token.publish(0, echo(token));
  scene.emit();
  scene.intake.end(lease);
  scene.out.stop_holding();
  for (int i = 0; i < 5; ++i) {
    scene.emit();
    scene.clock.advance(10s);
  }
  EXPECT_EQ(scene.out.written().size(), 1U);
  EXPECT_EQ(scene.counts().discarded, 1U);
  expect_empty(scene);
}

TEST(Emitter, in_a_closing_lease_what_is_on_its_way_finishes_and_what_follows_a_discard_does_not) {
  Scene scene;
  const auto lease = scene.begin();
  FateToken first = scene.admit(lease, 0, "first");
  FateToken dropped = scene.admit(lease, 1, "dropped");
  FateToken last = scene.admit(lease, 2, "last");
  scene.intake.revoking(lease);
  last.publish(0, echo(last));
  dropped.discard();
  first.publish(0, echo(first));
  scene.emit();
  EXPECT_THAT(values(scene.out.written()), ElementsAre("first"));
  EXPECT_EQ(scene.counts().discarded, 2U);
  EXPECT_EQ(scene.intake.find(lease)->ring().watermark(), 1);
  EXPECT_THAT(scene.intake.find(lease)->ring().done().above, IsEmpty());
  expect_empty(scene);
}

TEST(Emitter, flushes_when_nothing_more_comes_and_at_once_in_a_drain) {
  Scene scene;
  EmitterOptions options;
  options.flush_interval = 20ms;
  scene.emitter(options);
  scene.out.hold_verdicts();
  const auto lease = scene.begin();
  FateToken token = scene.admit(lease, 0, "a");
  token.publish(0, echo(token));
  scene.emit();
  EXPECT_EQ(scene.out.flushes(), 0U);
  EXPECT_LE(scene.emitter().step().wake_at, scene.clock.now() + 20ms);
  scene.clock.advance(20ms);
  scene.emit();
  EXPECT_EQ(scene.out.flushes(), 1U);
  scene.emitter().drain();
  FateToken next = scene.admit(lease, 1, "b");
  next.publish(0, echo(next));
  scene.emit();
  EXPECT_EQ(scene.out.flushes(), 2U);
}

TEST(Emitter, has_nothing_to_wake_up_for_when_it_is_empty) {
  Scene scene;
  scene.emit();
  const Progress idle = scene.emitter().step();
  EXPECT_FALSE(idle.did_work);
  EXPECT_EQ(idle.wake_at, Instant::max());
}

TEST(Emitter, forgives_lost_tokens_once_it_is_told_that_the_worker_is_torn_down) {
  Scene scene;
  scene.emitter().abandon();
  { const FateToken lost = scene.admit(scene.begin(), 0, "a"); }
  scene.emit();
  EXPECT_FALSE(scene.stop.stopped());
  EXPECT_EQ(scene.counts().in_flight, 1U);
}

TEST(Emitter, a_sink_that_fails_as_a_whole_stops_the_worker) {
  Scene scene;
  scene.out.fail_next_poll(error(Errc::fenced, "KAFKA_FENCED", "simulated"));
  scene.emit();
  ASSERT_TRUE(scene.stop.stopped());
  EXPECT_EQ(scene.stop.error()->kind, Errc::fenced);
}

TEST(Emitter, tells_what_each_sink_has_taken) {
  Scene scene;
  const auto lease = scene.begin();
  FateToken token = scene.admit(lease, 0, "a");
  token.publish(0, echo(token));
  scene.emit();
  scene.out.hold_verdicts();
  FateToken next = scene.admit(lease, 1, "b");
  next.publish(0, echo(next));
  scene.emit();
  const auto counts = scene.emitter().counts();
  ASSERT_EQ(counts.size(), 2U);
  EXPECT_EQ(counts[0].name, "out");
  EXPECT_EQ(counts[0].delivered, 1U);
  EXPECT_EQ(counts[0].outstanding, 1U);
  EXPECT_EQ(counts[1].delivered, 0U);
}

TEST(Emitter, closes_every_sink) {
  Scene scene;
  ASSERT_TRUE(scene.emitter().close(1s));
  EXPECT_TRUE(scene.out.closed());
  EXPECT_TRUE(scene.dead.closed());
}

}  // namespace
}  // namespace millrace::worker
