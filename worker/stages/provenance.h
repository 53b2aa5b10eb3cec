#pragma once

#include "connectors/contract/sink.h"
#include "worker/stages/envelope.h"

#include <string>
#include <string_view>

namespace millrace::worker {

/// Makes what is published for a record: key, headers and timestamp as they came, and headers that
/// say where the result comes from: `millrace-model`, `-revision` (one value for each model),
/// `-topology`, `-source`, `-truncated`.
connectors::OutRecord result_record(const Envelope& envelope, Bytes value, const Bytes& topology);

/// Makes what is published for a record that passes as it is: nothing is added.
connectors::OutRecord unchanged_record(const connectors::Record& record);

}  // namespace millrace::worker
