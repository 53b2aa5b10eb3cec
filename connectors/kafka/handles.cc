#include "connectors/kafka/handles.h"

#include "config/base/log.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

namespace millrace::connectors {
namespace {

struct Ending {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
};

}  // namespace

bool destroy_within(rd_kafka_t* client, std::chrono::milliseconds deadline) {
  const auto ending = std::make_shared<Ending>();
  std::thread([client, ending] {
    // The flag keeps the library from closing the consumer once more, which can hang
    // (confluentinc/librdkafka#4312).
    rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    const std::lock_guard lock(ending->mutex);
    ending->done = true;
    ending->changed.notify_all();
  }).detach();
  std::unique_lock lock(ending->mutex);
  if (ending->changed.wait_for(lock, deadline, [&] { return ending->done; })) return true;
  log::warn("kafka client left behind: something of it is still in use",
            {{"waited_ms", static_cast<std::int64_t>(deadline.count())}});
  return false;
}

}  // namespace millrace::connectors
