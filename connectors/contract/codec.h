#pragma once

#include "config/base/bytes.h"
#include "config/base/json.h"
#include "config/base/result.h"
#include "connectors/contract/record.h"

namespace millrace::connectors {

/// Turns bytes into a document and back. Immutable, thread-safe.
class Codec {
 public:
  virtual ~Codec() = default;

  /// Errors are data faults (invalid_input): BAD_JSON, BAD_UTF8, TOO_DEEP, NULL_VALUE …
  virtual Result<Document> decode(const Record& record) const = 0;

  virtual Result<Bytes> encode(const Document& document) const = 0;

  /// True if decode() only wraps the bytes, so that an unchanged record may pass through without a
  /// document.
  virtual bool is_transparent() const { return false; }
};

}  // namespace millrace::connectors
