#include "worker/flow/signal.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

namespace millrace::worker {
namespace {

using namespace std::chrono_literals;

TEST(Signal, keeps_a_notification_until_one_wait_has_taken_it) {
  Signal signal;
  signal.notify();
  signal.notify();
  EXPECT_TRUE(signal.wait_until(Instant{}));
  EXPECT_FALSE(signal.wait_until(Instant{}));
}

TEST(Signal, closed_lets_every_wait_return) {
  Signal signal;
  signal.close();
  EXPECT_TRUE(signal.closed());
  EXPECT_TRUE(signal.wait_until(Instant::max()));
  EXPECT_TRUE(signal.wait_until(Instant::max()));
}

TEST(Signal, close_wakes_all_that_wait) {
  Signal signal;
  std::atomic<int> back{0};
  std::thread first([&] { back += signal.wait_until(Instant::max()) ? 1 : 0; });
  std::thread second([&] { back += signal.wait_until(Instant::max()) ? 1 : 0; });
  signal.close();
  first.join();
  second.join();
  EXPECT_EQ(back.load(), 2);
}

TEST(SignalThreads, two_threads_hand_the_turn_to_each_other_without_losing_it) {
  constexpr int kTurns = 20'000;
  const Instant deadline = std::chrono::steady_clock::now() + 60s;
  Signal ping, pong;
  std::atomic<int> answered{0};
  std::thread other([&] {
    for (int i = 0; i < kTurns; ++i) {
      if (!ping.wait_until(deadline)) return;
      answered.fetch_add(1);
      pong.notify();
    }
  });
  int heard = 0;
  for (int i = 0; i < kTurns; ++i) {
    ping.notify();
    if (!pong.wait_until(deadline)) break;
    ++heard;
  }
  other.join();
  EXPECT_EQ(answered.load(), kTurns);
  EXPECT_EQ(heard, kTurns);
}

}  // namespace
}  // namespace millrace::worker
