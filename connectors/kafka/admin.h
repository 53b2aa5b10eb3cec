#pragma once

#include "config/base/result.h"
#include "connectors/contract/admin.h"
#include "connectors/kafka/options.h"

#include <memory>

namespace millrace::connectors {

/// Makes a client that asks a cluster about topics and offsets. It never brings a topic into being
/// by asking for it.
///
/// Nothing is connected yet. Errors: invalid_input BAD_KAFKA_OPTION, unsupported KAFKA_VERSION.
Result<std::unique_ptr<Admin>> make_kafka_admin(const ClusterOptions& cluster,
                                                const KafkaEnvironment& environment);

}  // namespace millrace::connectors
