#pragma once

#include "config/base/json.h"
#include "worker/flow/fate.h"

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace millrace::worker {

/// Which model touched a record, for the headers of its results and dead letters.
struct ModelTag {
  std::string model;
  std::string revision;
  std::string device;
  std::string dtype;
};

/// A record on its way through the stages: the duty to say how it ends, and its document.
///
/// Move-only; one thread at a time.
struct Envelope {
  FateToken token;
  Document document;      // empty: the record has no value, or its source does not decode
  std::size_t inlet = 0;  // the source it came from, by its index in the graph
  bool changed = false;   // the document is no longer what the record's value says
  bool truncated = false;
  std::vector<std::shared_ptr<const ModelTag>> models;

  /// Returns a second envelope for the same record, to be settled on its own.
  Envelope split();
};

}  // namespace millrace::worker
