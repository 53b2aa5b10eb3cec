#include "worker/flow/channel.h"

#include "config/base/clock.h"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

namespace millrace::worker {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

TEST(Channel, gives_values_in_the_order_they_came) {
  Signal signal;
  Channel<int> channel(signal);
  channel.push(1);
  std::vector<int> more = {2, 3};
  EXPECT_TRUE(channel.push_all(more));
  EXPECT_TRUE(more.empty());
  std::vector<int> out = {0};
  EXPECT_EQ(channel.pop_all(out), 3U);
  EXPECT_THAT(out, ElementsAre(0, 1, 2, 3));
}

TEST(Channel, wakes_the_next_reader_when_some_stay_behind) {
  Signal signal;
  Channel<int> channel(signal);
  std::vector<int> values = {1, 2, 3};
  channel.push_all(values);
  ASSERT_TRUE(signal.wait_until(Instant{}));
  std::vector<int> out;
  EXPECT_EQ(channel.pop_some(out, 2), 2U);
  EXPECT_TRUE(signal.wait_until(Instant{}));
  EXPECT_EQ(channel.pop_some(out, 2), 1U);
  EXPECT_FALSE(signal.wait_until(Instant{}));
}

TEST(Channel, closed_takes_nothing_more_and_gives_what_is_inside) {
  Signal signal;
  Channel<std::unique_ptr<int>> channel(signal);
  channel.push(std::make_unique<int>(1));
  channel.close();
  auto kept = std::make_unique<int>(2);
  EXPECT_FALSE(channel.push(std::move(kept)));
  ASSERT_NE(kept, nullptr);
  std::vector<std::unique_ptr<int>> several;
  several.push_back(std::move(kept));
  EXPECT_FALSE(channel.push_all(several));
  EXPECT_EQ(several.size(), 1U);
  std::vector<std::unique_ptr<int>> out;
  EXPECT_EQ(channel.pop_all(out), 1U);
  EXPECT_TRUE(channel.closed());
}

/// Several writers and readers share one signal; the readers wait without a deadline of their own
/// for as long as the test may take, so a lost notification ends it.
TEST(ChannelThreads, no_value_and_no_notification_is_lost) {
  constexpr int kWriters = 2;
  constexpr int kReaders = 3;
  constexpr int kValues = 20'000;
  const SystemClock clock;
  const Instant deadline = clock.now() + 60s;
  Signal signal;
  Channel<int> channel(signal);
  std::atomic<int> taken{0};
  std::atomic<long long> sum{0};
  std::atomic<int> late{0};
  std::vector<std::thread> threads;
  for (int reader = 0; reader < kReaders; ++reader) {
    threads.emplace_back([&] {
      std::vector<int> out;
      while (taken.load() < kWriters * kValues) {
        out.clear();
        if (channel.pop_some(out, 5) == 0) {
          if (!signal.wait_until(deadline)) {
            late.fetch_add(1);
            return;
          }
          continue;
        }
        for (const int value : out) sum.fetch_add(value);
        if (taken.fetch_add(static_cast<int>(out.size())) + static_cast<int>(out.size()) ==
            kWriters * kValues) {
          signal.close();
        }
      }
    });
  }
  for (int writer = 0; writer < kWriters; ++writer) {
    threads.emplace_back([&] {
      for (int value = 1; value <= kValues; ++value) channel.push(int{value});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(late.load(), 0);
  EXPECT_EQ(sum.load(), 1LL * kWriters * kValues * (kValues + 1) / 2);
}

}  // namespace
}  // namespace millrace::worker
