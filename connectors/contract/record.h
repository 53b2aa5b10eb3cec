#pragma once

#include "config/base/bytes.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::connectors {

/// One ownership period of a partition by this process. Unique within a process, never reused; 0 is
/// no lease.
using LeaseId = std::uint64_t;

/// Returns a lease that no source of this process has had before. Thread-safe.
LeaseId new_lease();

/// Where a record stands. `topic` (or file name) is owned by the source, which outlives its
/// records.
struct Origin {
  std::string_view topic;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  LeaseId lease = 0;
};

/// Returns "topic[partition]@offset" for logs and errors.
std::string to_text(const Origin& origin);

struct Header {
  std::string name;
  Bytes value;  // may be null
};

enum class TimestampType : std::uint8_t { none, create, append };

/// One message as it came. Key and value may be null (no key, tombstone). Repeated header names
/// keep their order.
struct Record {
  Origin origin;
  Bytes key;
  Bytes value;
  std::vector<Header> headers;
  std::int64_t timestamp_ms = -1;
  TimestampType timestamp_type = TimestampType::none;
  /// What the record pins in memory: at least key + value + headers.
  std::size_t size_bytes = 0;
};

}  // namespace millrace::connectors
