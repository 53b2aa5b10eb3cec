#include "connectors/kafka/leases.h"

#include <gtest/gtest.h>

namespace millrace::connectors {
namespace {

TEST(KafkaLease, tells_a_log_that_has_become_shorter_once) {
  KafkaLease lease;
  EXPECT_EQ(lease.note_end(0), std::nullopt);
  EXPECT_EQ(lease.note_end(100), std::nullopt);
  EXPECT_EQ(lease.note_end(100), std::nullopt);
  EXPECT_EQ(lease.note_end(40), 100);
  EXPECT_EQ(lease.note_end(40), std::nullopt);
  EXPECT_EQ(lease.note_end(41), std::nullopt);
}

TEST(KafkaLease, never_lets_a_commit_go_behind_one_that_is_on_its_way) {
  KafkaLease lease;
  EXPECT_EQ(lease.floor(), -1);
  lease.committed = 5;
  EXPECT_EQ(lease.floor(), 5);
  lease.in_flight = Position{.lease = 1, .offset = 9, .metadata = ""};
  EXPECT_EQ(lease.floor(), 9);
  lease.wanted = Position{.lease = 1, .offset = 12, .metadata = ""};
  EXPECT_EQ(lease.floor(), 12);
}

}  // namespace
}  // namespace millrace::connectors
