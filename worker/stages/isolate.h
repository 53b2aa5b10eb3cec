#pragma once

#include "config/base/result.h"
#include "pipeline/contract/output.h"
#include "worker/stages/infer.h"

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace millrace::worker {

/// Runs rows as one batch. Called on one thread.
using Forward = std::function<Result<pipeline::Output>(std::span<const Row> rows)>;

/// What became of a batch.
struct Isolated {
  struct Blamed {
    std::size_t row = 0;
    Error error;
    std::uint32_t attempts = 0;
  };

  std::size_t calls = 0;       // of the model
  std::vector<Blamed> blamed;  // rows that failed alone, twice
  std::optional<std::size_t>
      lower_cost;             // the cost of a half that did fit, after memory had run out
  std::optional<Error> stop;  // the device is gone: nothing more is worth trying
};

/// Does a batch although some of its rows may be bad: a batch that fails is halved until what fails
/// is alone.
///
/// A row is blamed only after it has failed twice alone (and `retries` times more); its neighbours
/// are done before it is tried again. One bad row among B costs at most 2⌈log2 B⌉ more calls,
/// beside its own trials. When memory runs out the batch is halved by cost and nobody is blamed,
/// except a row that does not fit alone: TOO_BIG_FOR_MEMORY. done: called for every row that has
/// its values.
Isolated isolate(std::span<const Row> rows,
                 const Forward& forward,
                 std::uint32_t retries,
                 const std::function<void(std::size_t row, const pipeline::RowView& values)>& done);

}  // namespace millrace::worker
