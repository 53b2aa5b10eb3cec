#include "worker/flow/gate.h"

#include "config/base/check.h"

#include <utility>

namespace millrace::worker {

Gate::Cell& Gate::Lane::at(Turn turn) {
  check(turn >= first, "a turn passes once");
  const auto i = static_cast<std::size_t>(turn - first);
  if (i >= cells.size()) cells.resize(i + 1);
  return cells[i];
}

/// Forgets the oldest turns that have passed. Discarded ones stay, for what comes behind them must
/// learn of it; their lease is ending, so they are few.
void Gate::Lane::trim() {
  while (!cells.empty() && cells.front().passed && !cells.front().discarded) {
    cells.pop_front();
    ++first;
  }
}

Gate::Lane& Gate::lane_of(const Passage& passage) {
  if (last_ != nullptr && last_->lease == passage.lease) return *last_;
  Lane& lane = lanes_[passage.lease->lease().id];
  if (!lane.lease) {
    lane.lease = passage.lease;
    std::erase_if(lanes_, [](const auto& entry) {
      return entry.second.lease->dead() && entry.second.lease->in_flight() == 0;
    });
  }
  last_ = &lanes_.at(passage.lease->lease().id);
  return *last_;
}

void Gate::arrive(PassagePtr passage, std::vector<PassagePtr>& out) {
  if (passage->turn == kNoTurn) {
    out.push_back(std::move(passage));
    return;
  }
  Lane& lane = lane_of(*passage);
  bool chain_discarded = false;
  if (passage->after != kNoTurn && passage->after >= lane.first) {
    Cell& before = lane.at(passage->after);
    if (!before.passed) {
      before.successor = std::move(passage);
      ++waiting_;
      return;
    }
    chain_discarded = before.discarded;
  }
  // From here on the passage leaves, and so does the chain behind it as far as it has arrived.
  while (passage) {
    if (chain_discarded) passage->outcome = Outcome::discarded;
    chain_discarded = passage->outcome == Outcome::discarded;
    Cell& cell = lane.at(passage->turn);
    cell.passed = true;
    cell.discarded = chain_discarded;
    out.push_back(std::move(passage));
    passage = std::move(cell.successor);
    if (passage) --waiting_;
  }
  lane.trim();
}

}  // namespace millrace::worker
