#pragma once

#include "config/base/result.h"

namespace millrace::connectors {

/// What the librdkafka that runs is able to do; we compile against 2.0.2 and may meet a newer one.
struct Capability {
  int version = 0;  // 0xMMmmrrff
  /// rd_kafka_consume_batch_queue() keeps offsets right (2.1.1).
  bool batch_pull = false;
  /// Fetching from followers does not crash (2.1.1).
  bool client_rack = false;
  /// A cooperative consumer may be closed before its first assignment (2.3.0).
  bool close_unassigned_cooperative = false;
  /// The assignor of cooperative groups ends (2.6.1).
  bool cooperative_is_sound = false;
  /// SCRAM works with brokers of Kafka 4 (2.6.1).
  bool scram_on_kafka_4 = false;
  /// A commit during a cooperative rebalance does not lose the assignment (2.10.1).
  bool commit_in_rebalance = false;
};

/// Returns what a version is able to do.
Capability capability_of(int version);

/// Returns what the loaded library is able to do.
const Capability& capability();

/// Refuses versions that lose data or crash. Errors: unsupported KAFKA_VERSION.
Result<void> check_version(int version);

/// Returns a function that is younger than the headers we compile with, or nullptr.
void* newer_function(const char* name);

}  // namespace millrace::connectors
