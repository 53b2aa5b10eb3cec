#include "worker/stages/runner.h"

#include "config/base/log.h"
#include "pipeline/contract/batch.h"
#include "worker/stages/isolate.h"

#include <algorithm>
#include <span>
#include <utility>

#include <fmt/format.h>

namespace millrace::worker {

Runner::Runner(std::vector<const InferStage*> stages, StopReason& stop, const Clock& clock)
    : stop_(stop), clock_(clock) {
  for (const InferStage* stage : stages) seats_.push_back({stage, stage->model().make_workspace()});
}

Progress Runner::step() {
  if (stop_.stopped()) return {};
  const Instant now = clock_.now();
  Seat* seat = most_urgent(now);
  if (seat == nullptr) return {false, wake_at(now)};
  std::vector<Row> rows = seat->stage->queue().take(now);
  // While this one is busy, another has to watch the deadlines of what is left.
  if (!rows.empty()) seat->stage->wake_another();
  if (!rows.empty()) run(*seat, std::move(rows));
  return {true, now};
}

/// Returns the pipeline with a batch that is due, and of several the one whose oldest row came
/// first.
Runner::Seat* Runner::most_urgent(Instant now) {
  Seat* best = nullptr;
  Instant oldest = Instant::max();
  for (Seat& seat : seats_) {
    const auto due = seat.stage->queue().next_due();
    if (!due || *due > now) continue;
    const Instant came = seat.stage->queue().oldest().value_or(Instant::max());
    if (best == nullptr || came < oldest) {
      best = &seat;
      oldest = came;
    }
  }
  return best;
}

Instant Runner::wake_at(Instant now) const {
  Instant wake = Instant::max();
  for (const Seat& seat : seats_) {
    if (const auto due = seat.stage->queue().next_due()) wake = std::min(wake, std::max(*due, now));
  }
  return wake;
}

/// Rows of partitions that are being given back have not reached the device yet, so they are left
/// to the next owner.
void Runner::discard_ended(const Seat& seat, std::vector<Row>& rows) const {
  const auto ended = std::stable_partition(rows.begin(), rows.end(), [](const Row& row) {
    return row.job->envelope.token.lease().active();
  });
  for (auto row = ended; row != rows.end(); ++row) seat.stage->abandon(*row);
  rows.erase(ended, rows.end());
}

void Runner::run(Seat& seat, std::vector<Row> rows) {
  discard_ended(seat, rows);
  if (rows.empty()) return;
  std::size_t tokens = 0;
  std::size_t longest = 0;
  for (const Row& row : rows) {
    tokens += row.content().cost();
    longest = std::max(longest, row.content().cost());
  }
  const Forward forward = [&](std::span<const Row> some) {
    std::vector<const pipeline::Item*> items;
    items.reserve(some.size());
    for (const Row& row : some) items.push_back(&row.content());
    return seat.stage->model().forward(pipeline::pack(items), *seat.workspace);
  };
  const Instant begin = clock_.now();
  const Isolated outcome = isolate(
      rows, forward, seat.stage->retries(), [&](std::size_t row, const pipeline::RowView& values) {
        seat.stage->deliver(rows[row], values);
      });
  seat.stage->count_batch(rows.size(), tokens, clock_.now() - begin);
  if (outcome.lower_cost) {
    log::warn("batch did not fit into memory",
              {{"stage", seat.stage->name()},
               {"tokens", std::uint64_t{tokens}},
               {"budget_tokens", std::uint64_t{*outcome.lower_cost}}});
    seat.stage->queue().set_max_cost(std::max<std::size_t>(1, *outcome.lower_cost));
  }
  if (outcome.stop) {
    // The rows of this batch keep their tokens: their slots never settle, and they are read again.
    stop_.stop(*outcome.stop);
  }
  for (const Isolated::Blamed& blamed : outcome.blamed) {
    seat.stage->fail(rows[blamed.row],
                     blamed.error,
                     blamed.attempts,
                     fmt::format("{} rows, longest {} tokens", rows.size(), longest));
  }
}

}  // namespace millrace::worker
