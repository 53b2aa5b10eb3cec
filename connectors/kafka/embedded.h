#pragma once

#include "config/base/result.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace millrace::connectors {

/// The requests whose answers a test may spoil; numbers of the Kafka protocol.
enum class KafkaRequest : std::int16_t {
  produce = 0,
  fetch = 1,
  list_offsets = 2,
  metadata = 3,
  offset_commit = 8,
  offset_fetch = 9,
  find_coordinator = 10,
  join_group = 11,
  heartbeat = 12,
  sync_group = 14,
  init_producer_id = 22,
};

/// A Kafka cluster inside this process, for the demo and for tests: librdkafka's mock cluster.
///
/// Limits, all of them silent: a partition keeps 5 MiB or 100,000 batches; transactional offsets
/// are dropped, aborted records are visible, nobody is fenced. Never evidence for exactly-once,
/// latency or security. Thread-safe.
class EmbeddedCluster {
 public:
  /// Starts brokers on free ports of the loopback interface; other processes may connect.
  static Result<std::unique_ptr<EmbeddedCluster>> start(int brokers = 1);
  ~EmbeddedCluster();
  EmbeddedCluster(const EmbeddedCluster&) = delete;
  EmbeddedCluster& operator=(const EmbeddedCluster&) = delete;

  /// Returns what `brokers:` wants.
  const std::string& bootstraps() const;

  Result<void> create_topic(const std::string& name, int partitions);

  /// Answers the next requests of a kind with these Kafka error codes, one each, then as usual.
  void fail_next(KafkaRequest request, const std::vector<int>& codes);

  /// Answers metadata and produce requests for a topic with an error code until it is set to 0.
  void set_topic_error(const std::string& topic, int code);

  /// Cuts all connections of a broker (from 1) and refuses new ones, or takes them again.
  void set_down(int broker, bool down);

  /// Delays all answers of a broker.
  void set_round_trip(int broker, std::chrono::milliseconds round_trip);

 private:
  EmbeddedCluster();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace millrace::connectors
