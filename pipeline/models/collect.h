#pragma once

#include "pipeline/contract/batch.h"
#include "pipeline/contract/output.h"
#include "pipeline/models/head.h"

#include <cstdint>
#include <vector>

#include <ATen/core/TensorBody.h>

namespace millrace::pipeline {

/// What the layers computed: every token, or some of every row.
struct Hidden {
  at::Tensor states;                // [tokens, width]
  std::vector<std::int32_t> begin;  // rows + 1 offsets into states
};

/// Says whether a row reads the head, and not the hidden states.
bool reads_head(Wanted wanted);

/// Which token of a row a head over whole texts reads.
enum class Pooled : std::uint8_t { first, last };

/// Returns the rows of hidden.states that the head reads, in the order of the batch.
std::vector<std::int32_t> asked_of_head(const Batch& batch,
                                        const Hidden& hidden,
                                        Pooled pooled = Pooled::first);

/// Returns what a head makes of the rows asked: [asked, outputs].
at::Tensor scores_of(const Head& head,
                     const at::Tensor& states,
                     const std::vector<std::int32_t>& asked);

/// Hands each row of a batch what it wants, on the host.
///
/// scores: [asked, outputs], what the head made of asked_of_head(); undefined if no row reads it.
/// Any float type, any device. Means are summed in float32.
Output collect(const Batch& batch, const Hidden& hidden, const at::Tensor& scores);

}  // namespace millrace::pipeline
