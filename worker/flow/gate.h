#pragma once

#include "worker/flow/fate.h"

#include <cstddef>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

namespace millrace::worker {

/// Restores order before emission: a passage waits until the one it names has passed.
///
/// Confined to the emitter thread. Each passage names at most one predecessor and is named by at
/// most one, so every order
/// (`partition`, `key`) is a set of chains and passing costs a constant. Where a passage of a
/// closing or dead lease is discarded, those behind it in its chain are discarded, too: the next
/// owner does them again, in order.
class Gate {
 public:
  /// Appends to `out` the passages that may leave now, in order.
  void arrive(PassagePtr passage, std::vector<PassagePtr>& out);

  /// Passages that wait for another.
  std::size_t waiting() const { return waiting_; }

 private:
  struct Cell {
    bool passed = false;
    bool discarded = false;
    PassagePtr successor;  // has arrived and waits for this turn
  };

  /// The turns of one lease from the oldest that has not passed.
  struct Lane {
    std::shared_ptr<LeaseState> lease;
    Turn first = 0;
    std::deque<Cell> cells;

    Cell& at(Turn turn);
    void trim();
  };

  Lane& lane_of(const Passage& passage);

  std::unordered_map<connectors::LeaseId, Lane> lanes_;
  Lane* last_ = nullptr;
  std::size_t waiting_ = 0;
};

}  // namespace millrace::worker
