#pragma once

#include "config/base/json.h"
#include "config/base/result.h"
#include "connectors/contract/record.h"

namespace millrace::connectors {

/// Returns the error of a record that has no value. Data fault: NULL_VALUE.
Error null_value(const Record& record);

/// Writes a document as JSON text into bytes of its own.
Result<Bytes> json_bytes(const Json& document);

}  // namespace millrace::connectors
