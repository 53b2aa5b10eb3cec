#pragma once

#include "pipeline/contract/model.h"
#include "pipeline/text/tokenizer.h"

#include <cstddef>

namespace millrace::pipeline {

/// Makes a row of the length of a tweet, as the head of the model reads it; without ids if the
/// tokenizer cannot read English.
Item typical_row(const Tokenizer& tokenizer, const ModelFacts& facts);

/// Measures how many tokens a batch should have: batches of the row, of growing size, are run until
/// they stop paying, or 150 ms are over. Of sizes that do about the same the smallest wins, because
/// it waits less.
///
/// Returns 128 to 1,024 on a CPU, up to 32,768 on an accelerator; 512 if a batch
/// cannot be run.
std::size_t measure_batch_budget(const Item& row, const Model& model);

}  // namespace millrace::pipeline
