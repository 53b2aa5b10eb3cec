#pragma once

#include "pipeline/models/table.h"

namespace millrace::pipeline {

/// MPNetModel and its classes for every head: positions as in RoBERTa, and a bias of the attention
/// by the distance of query and key, one for all layers. Source: transformers 4.57
/// modeling_mpnet.py.
Architecture mpnet();

}  // namespace millrace::pipeline
