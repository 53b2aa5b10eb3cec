#include "tests/broker/scene.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace {
namespace {

using namespace std::chrono_literals;
using tests::Scene;

TEST(Truncation, a_topic_made_anew_under_a_worker_stops_it_and_says_where_it_was) {
  Scene scene(6);
  scene.send(600);
  auto worker = scene.start_worker("first");
  ASSERT_TRUE(scene.wait_until_done()) << worker->log();

  scene.kafka->delete_topic("in");
  scene.kafka->create_topic("in", 6);
  // A client of its own: the first one may still know the old topic.
  tests::KafkaClient(scene.kafka->bootstrap())
      .produce("in", {{.value = R"({"id": 1, "text": "new"})"}});

  EXPECT_EQ(worker->wait(60s), 5) << worker->log();
  EXPECT_THAT(worker->log(), testing::HasSubstr("OFFSET_OUT_OF_RANGE"));
  EXPECT_THAT(worker->log(), testing::HasSubstr("position is"));
  EXPECT_EQ(scene.delivered(), 600) << "a record of the new topic was taken for an old one";
}

}  // namespace
}  // namespace millrace
