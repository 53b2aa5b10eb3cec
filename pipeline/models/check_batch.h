#pragma once

#include "config/base/result.h"
#include "pipeline/contract/batch.h"
#include "pipeline/contract/model.h"

namespace millrace::pipeline {

/// Says whether every id has its row in a table, before any table is read, and whether the model
/// has what is wanted of it.
///
/// Errors: BAD_ROW (invalid_input). Offsets that do not fit, and a head that the model lacks, are
/// the caller's bug.
Result<void> check_batch(const Batch& batch, const ModelFacts& facts);

}  // namespace millrace::pipeline
