#pragma once

#include "connectors/contract/sink.h"
#include "connectors/kafka/options.h"

#include <memory>

namespace millrace::connectors {

/// Makes a sink that writes to a topic with an idempotent producer; a verdict means that all
/// in-sync replicas have it.
///
/// Errors of open(): unavailable KAFKA_UNREACHABLE, denied KAFKA_DENIED, not_found TOPIC_MISSING,
/// invalid_input BAD_KAFKA_OPTION, unsupported KAFKA_VERSION. Verdicts: invalid_input TOO_LARGE;
/// unavailable KAFKA_UNREACHABLE (write it again: it may be there already); denied, not_found,
/// fenced.
std::unique_ptr<Sink> make_kafka_sink(ClusterOptions cluster,
                                      KafkaSinkOptions options,
                                      KafkaEnvironment environment);

}  // namespace millrace::connectors
