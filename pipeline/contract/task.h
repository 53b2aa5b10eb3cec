#pragma once

#include "config/base/json.h"
#include "config/base/result.h"
#include "pipeline/contract/item.h"
#include "pipeline/contract/output.h"

#include <memory>
#include <span>
#include <vector>

namespace millrace::pipeline {

/// What a task remembers of one record between prepare and finish; each task derives its own.
class TaskState {
 public:
  virtual ~TaskState() = default;
};

/// One record turned into rows.
struct Prepared {
  std::vector<Item> items;  // 0 … n; with 0 finish() is called at once with no rows
  std::unique_ptr<TaskState> state;
  bool truncated = false;  // some text was cut, by our default or by the user's parameters
};

/// Turns one document into 0 … n items, and their outputs into one document. Immutable,
/// thread-safe.
class Task {
 public:
  virtual ~Task() = default;

  /// Errors are data faults (invalid_input): BAD_INPUT, TOO_LONG, BAD_UTF8 …
  virtual Result<Prepared> prepare(const Json& input) const = 0;

  /// rows: one per item, in the order of the items. Returns what transformers returns for this
  /// element of a list call.
  virtual Result<Json> finish(const Prepared& prepared, std::span<const RowView> rows) const = 0;
};

}  // namespace millrace::pipeline
