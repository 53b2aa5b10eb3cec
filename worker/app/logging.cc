#include "worker/app/logging.h"

#include "config/base/log.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

#include <fmt/format.h>
#include <unistd.h>

namespace millrace::worker {
namespace {

constexpr std::chrono::seconds kHeartbeat{10};

log::Level level_of(const std::string& word) {
  if (word == "debug") return log::Level::debug;
  if (word == "warn") return log::Level::warn;
  if (word == "error") return log::Level::error;
  if (word == "off") return log::Level::off;
  return log::Level::info;
}

}  // namespace

void configure_log(const LogChoice& choice) {
  log::configure(level_of(choice.level),
                 choice.format == "json" ? log::Format::json : log::Format::text);
}

std::string instance_name(const std::string& worker) {
  char host[256] = {};
  if (gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
  return fmt::format("{}@{}:{}", worker, host, getpid());
}

void Heartbeat::show(const Snapshot& snapshot) {
  if (silent_) return;
  const Instant now = std::chrono::steady_clock::now();
  if (next_ == Instant{}) next_ = now + kHeartbeat;
  if (now < next_) return;
  next_ = now + kHeartbeat;
  std::int64_t lag = 0;
  for (const Snapshot::Partition& partition : snapshot.partitions)
    lag += std::max<std::int64_t>(0, partition.lag());
  log::info("running",
            {{"received", snapshot.ledger.received},
             {"records_per_second", snapshot.records_per_second},
             {"in_flight", snapshot.ledger.in_flight},
             {"dead_lettered", snapshot.ledger.dead_lettered},
             {"lag", lag}});
}

}  // namespace millrace::worker
