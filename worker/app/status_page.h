#pragma once

#include "config/base/metrics.h"
#include "config/base/result.h"
#include "connectors/http/server.h"
#include "worker/topology/snapshot.h"

#include <functional>
#include <memory>
#include <string>

namespace millrace::worker {

/// Writes the page a person reads: state, ledger, lag, batches, sinks. Everything from outside is
/// escaped.
std::string render_status(const Snapshot& snapshot);

/// Serves /livez, /readyz, /metrics and /status from a thread of its own until destroyed.
///
/// `snapshot` is called on that thread and must be thread-safe.
Result<std::unique_ptr<connectors::HttpServer>> serve_status(const connectors::HttpOptions& options,
                                                             const Metrics& metrics,
                                                             std::function<Snapshot()> snapshot);

}  // namespace millrace::worker
