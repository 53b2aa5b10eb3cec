#pragma once

#include "connectors/contract/source.h"
#include "connectors/kafka/options.h"

#include <memory>

namespace millrace::connectors {

/// Makes a source that reads topics as a member of a consumer group.
///
/// poll() must be called at least once in `poll_interval`, also while all leases are paused or
/// being given back. Events come in this order for a partition: Assigned, then Revoking (answer
/// with release()) or Lost. With `on_out_of_range` other than stop, a partition may be Lost and
/// Assigned again elsewhere in its log.
///
/// Errors of open(): unavailable KAFKA_UNREACHABLE, denied KAFKA_DENIED, not_found TOPIC_MISSING,
/// invalid_input BAD_KAFKA_OPTION, unsupported KAFKA_VERSION. Of poll(), besides: guarantee_broken
/// OFFSET_OUT_OF_RANGE and CORRUPT_BATCH, fenced KAFKA_FENCED. Of commit() and release():
/// invalid_input METADATA_TOO_LARGE.
std::unique_ptr<Source> make_kafka_source(ClusterOptions cluster,
                                          KafkaSourceOptions options,
                                          KafkaEnvironment environment);

}  // namespace millrace::connectors
