#pragma once

#include "config/base/result.h"
#include "connectors/contract/record.h"
#include "connectors/contract/sink.h"
#include "worker/flow/fate.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::worker {

/// Every header of a dead letter begins so, but those of Kafka Connect.
inline constexpr std::string_view kDeadLetterPrefix = "millrace-dlq-";

/// A record that was replayed carries here how often, written by the one who replays.
inline constexpr std::string_view kReplaysHeader = "millrace-replays";

/// What all dead letters of a worker say.
struct DeadLetterContext {
  std::string topology;  // name, version and config hash
  std::string worker;    // this instance
  /// Adds the names that Kafka Connect uses.
  bool connect_headers = false;
};

enum class DeadLetterValue : std::uint8_t { kept, omitted };

/// Returns the record as it came, with headers appended that say what happened; the last one,
/// `millrace-dlq-added`, is their number, itself included. An omitted value is null, and its length
/// and SHA-256 are named.
connectors::OutRecord dead_letter(const connectors::Record& record,
                                  const Failure& failure,
                                  const DeadLetterContext& context,
                                  DeadLetterValue value = DeadLetterValue::kept);

/// Takes off exactly the headers that dead_letter() appended, so that the record is as it came, bit
/// by bit.
///
/// Errors: NOT_A_DEAD_LETTER (invalid_input); VALUE_OMITTED (invalid_input): the value must be
/// fetched from the source.
Result<connectors::OutRecord> restore(connectors::OutRecord letter);

}  // namespace millrace::worker
