#include "worker/flow/stop_reason.h"

#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::worker {
namespace {

TEST(StopReason, the_first_error_wins_and_is_told_once) {
  std::vector<std::string> told;
  StopReason* self = nullptr;
  StopReason stop([&] { told.push_back(self->error()->code); });
  self = &stop;
  EXPECT_FALSE(stop.stopped());
  EXPECT_FALSE(stop.error());
  stop.stop(error(Errc::denied, "KAFKA_DENIED", "first"));
  stop.stop(error(Errc::fenced, "KAFKA_FENCED", "second"));
  EXPECT_TRUE(stop.stopped());
  EXPECT_EQ(stop.error()->code, "KAFKA_DENIED");
  EXPECT_EQ(told, std::vector<std::string>{"KAFKA_DENIED"});
}

TEST(StopReasonThreads, of_many_one_wins) {
  int told = 0;
  StopReason stop([&] { ++told; });
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { stop.stop(error(Errc::internal, "BUG", "simulated")); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(stop.stopped());
}

}  // namespace
}  // namespace millrace::worker
