#pragma once

#include "config/base/clock.h"
#include "config/base/metrics.h"
#include "connectors/memory/sink.h"
#include "worker/flow/byte_budget.h"
#include "worker/flow/channel.h"
#include "worker/flow/emitter.h"
#include "worker/flow/intake.h"
#include "worker/flow/ledger.h"
#include "worker/flow/signal.h"
#include "worker/flow/stop_reason.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::worker {

/// The way from intake to settlement without a source: records are made by the test, and every step
/// is its own. The clock stands still.
struct Scene {
  explicit Scene(Ordering ordering = Ordering::partition, BudgetOptions options = {})
      : budget(options), intake(ordering, exit, ledgers, metrics) {}

  /// Begins a lease of partition `id`, reading from `position`.
  connectors::LeaseId begin(std::int32_t id = 0,
                            std::int64_t position = 0,
                            std::string metadata = {}) {
    const connectors::LeaseId lease = connectors::new_lease();
    intake.assigned({lease, "in", id, position, std::move(metadata)});
    return lease;
  }

  static connectors::Record record(connectors::LeaseId lease,
                                   std::int64_t offset,
                                   std::string_view value = "value",
                                   Bytes key = {}) {
    connectors::Record made;
    made.origin = {"in", 0, offset, lease};
    made.key = std::move(key);
    made.value = Bytes::copy_of(value);
    made.size_bytes = value.size() + made.key.size();
    return made;
  }

  /// Admits one record, which has to fit, and returns its token.
  FateToken admit(connectors::LeaseId lease,
                  std::int64_t offset,
                  std::string_view value = "value",
                  Bytes key = {}) {
    std::vector<connectors::Record> records;
    records.push_back(record(lease, offset, value, std::move(key)));
    std::vector<FateToken> tokens;
    intake.admit(records, clock.now(), tokens);
    return tokens.empty() ? FateToken() : std::move(tokens.front());
  }

  /// Makes the emitter, with one sink of results (0) and one of dead letters (1).
  Emitter& emitter(EmitterOptions options = {.dead_letters = SinkId{1}}) {
    if (!emitter_) {
      emitter_ = std::make_unique<Emitter>(std::vector<SinkSlot>{{"out", &out}, {"dead", &dead}},
                                           std::move(options),
                                           exit,
                                           stop,
                                           metrics,
                                           clock);
    }
    return *emitter_;
  }

  void emit(int steps = 3) {
    for (int i = 0; i < steps; ++i) emitter().step();
  }

  LedgerCounts counts() const { return ledgers.total(); }

  ManualClock clock;
  Metrics metrics;
  Signal signal;
  Channel<PassagePtr> inbox{signal};
  ByteBudget budget;
  Exit exit{inbox, budget};
  StopReason stop;
  Ledgers ledgers;
  Intake intake;
  connectors::MemorySink out, dead;

 private:
  std::unique_ptr<Emitter> emitter_;
};

/// An output that carries the record's value.
inline connectors::OutRecord echo(const FateToken& token) {
  connectors::OutRecord out;
  out.key = token.record().key;
  out.value = token.record().value;
  return out;
}

inline Failure bad_json() {
  Failure failure;
  failure.error = error(Errc::invalid_input, "BAD_JSON", "simulated");
  failure.stage = "score";
  return failure;
}

inline std::vector<std::string> values(const std::vector<connectors::MemorySink::Written>& all) {
  std::vector<std::string> values;
  for (const auto& one : all) values.emplace_back(one.record.value.view());
  return values;
}

/// The values of a header, in order.
inline std::vector<std::string> headers(const connectors::OutRecord& record,
                                        std::string_view name) {
  std::vector<std::string> found;
  for (const auto& header : record.headers) {
    if (header.name == name) found.emplace_back(header.value.view());
  }
  return found;
}

}  // namespace millrace::worker
