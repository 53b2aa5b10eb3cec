#pragma once

#include "pipeline/contract/model.h"
#include "pipeline/models/check_batch.h"
#include "pipeline/tensor/guard.h"

#include <utility>

namespace millrace::pipeline {

/// Of a model that allocates what it needs.
class NoWorkspace final : public Workspace {};

/// Returns `compute()`, an Output, for a batch that fits the model; nothing for one without rows.
/// Errors: those of check_batch() and guarded().
template <typename Compute>
Result<Output> checked_forward(const Batch& batch, const ModelFacts& facts, Compute compute) {
  if (batch.rows() == 0) return Output{.values = {}, .begin = {0}, .width = {}};
  if (auto fits = check_batch(batch, facts); !fits) return std::move(fits).error();
  return guarded("the forward pass", [&]() -> Result<Output> { return compute(); });
}

}  // namespace millrace::pipeline
