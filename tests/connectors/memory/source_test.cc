#include "connectors/memory/source.h"

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

namespace millrace::connectors {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

std::vector<std::string> values_of(const Polled& polled) {
  std::vector<std::string> values;
  for (const Record& record : polled.records) values.emplace_back(record.value.view());
  return values;
}

Error away() { return error(Errc::unavailable, "KAFKA_UNREACHABLE", "away"); }

TEST(MemorySource, takes_turns_between_partitions_and_keeps_order_within_each) {
  MemorySource source("topic", 2);
  for (const char* value : {"a1", "a2", "a3"}) source.push(0, value);
  source.push(1, "b1");
  ASSERT_TRUE(source.open());

  const auto polled = source.poll(0ms, 100);

  EXPECT_THAT(polled->events, SizeIs(2));
  EXPECT_THAT(values_of(*polled), ElementsAre("a1", "b1", "a2", "a3"));
}

TEST(MemorySource, leaves_gaps_between_offsets) {
  MemorySource source;
  source.push(0, "a");
  source.skip_offsets(0, 5);
  source.push(0, "b");
  ASSERT_TRUE(source.open());

  const auto polled = source.poll(0ms, 100);

  EXPECT_EQ(polled->records.at(0).origin.offset, 0);
  EXPECT_EQ(polled->records.at(1).origin.offset, 6);
}

TEST(MemorySource, begins_at_the_committed_position_with_its_metadata) {
  MemorySource source;
  for (const char* value : {"a", "b", "c"}) source.push(0, value);
  source.set_committed(0, 2, "map");
  ASSERT_TRUE(source.open());

  const auto polled = source.poll(0ms, 100);

  const auto& assigned = std::get<Assigned>(polled->events.at(0));
  EXPECT_EQ(assigned.position, 2);
  EXPECT_EQ(assigned.metadata, "map");
  EXPECT_THAT(values_of(*polled), ElementsAre("c"));
}

TEST(MemorySource, gives_nothing_of_a_partition_that_is_asked_back) {
  MemorySource source;
  ASSERT_TRUE(source.open());
  const LeaseId lease = source.lease(0);
  ASSERT_TRUE(source.poll(0ms, 1));
  source.push(0, "a");
  source.revoke(0, 3s);

  const auto polled = source.poll(0ms, 100);

  EXPECT_EQ(std::get<Revoking>(polled->events.at(0)).lease, lease);
  EXPECT_EQ(std::get<Revoking>(polled->events.at(0)).budget, 3s);
  EXPECT_THAT(polled->records, IsEmpty());

  const std::vector<LeaseId> leases = {lease};
  const std::vector<Position> positions = {{lease, 0, "kept"}};
  ASSERT_TRUE(source.release(leases, positions));
  EXPECT_EQ(source.lease(0), 0U);
  EXPECT_EQ(source.committed_metadata(0), "kept");
}

TEST(MemorySource, counts_a_commit_of_a_lease_that_is_gone) {
  MemorySource source;
  ASSERT_TRUE(source.open());
  const std::vector<Position> positions = {{source.lease(0), 1, ""}};
  source.lose(0);

  ASSERT_TRUE(source.commit(positions));

  EXPECT_EQ(source.stale_commits(), 1U);
  EXPECT_EQ(source.committed(0), std::nullopt);
}

TEST(MemorySource, a_partition_that_comes_back_has_another_lease) {
  MemorySource source;
  ASSERT_TRUE(source.open());
  const LeaseId first = source.lease(0);
  source.lose(0);

  source.assign(0);

  EXPECT_NE(source.lease(0), first);
  EXPECT_NE(source.lease(0), 0U);
}

TEST(MemorySource, fails_once_when_told) {
  MemorySource source;
  source.fail_next_open(away());
  EXPECT_FALSE(source.open());
  EXPECT_TRUE(source.open());

  source.fail_next_poll(away());
  EXPECT_FALSE(source.poll(0ms, 1));
  EXPECT_TRUE(source.poll(0ms, 1));

  source.fail_next_commit(away());
  EXPECT_FALSE(source.commit({}));
  EXPECT_TRUE(source.commit({}));
}

TEST(MemorySource, wakes_a_poll_when_something_comes) {
  MemorySource source;
  ASSERT_TRUE(source.open());
  ASSERT_TRUE(source.poll(0ms, 1));
  std::thread pusher([&] { source.push(0, "a"); });

  const auto polled = source.poll(1min, 1);
  pusher.join();

  EXPECT_THAT(values_of(*polled), ElementsAre("a"));
}

TEST(MemorySource, tells_keys_and_headers_apart_from_their_absence) {
  MemorySource source;
  source.push(0, Bytes(), Bytes::copy_of(""), {{"h", Bytes()}, {"h", Bytes::copy_of("x")}});
  ASSERT_TRUE(source.open());

  const auto polled = source.poll(0ms, 1);

  const Record& record = polled->records.at(0);
  EXPECT_TRUE(record.value.is_null());
  EXPECT_FALSE(record.key.is_null());
  ASSERT_THAT(record.headers, SizeIs(2));
  EXPECT_TRUE(record.headers[0].value.is_null());
  EXPECT_EQ(record.headers[1].value.view(), "x");
  EXPECT_EQ(record.size_bytes, 3U);
}

}  // namespace
}  // namespace millrace::connectors
