#pragma once

#include "pipeline/models/table.h"

namespace millrace::pipeline {

/// ElectraModel and its classes for every head: BERT with an embedding that may be narrower than
/// the layers, and without a pooler. Masked words are for checkpoints of the generator. Source:
/// transformers 4.57 modeling_electra.py.
Architecture electra();

}  // namespace millrace::pipeline
