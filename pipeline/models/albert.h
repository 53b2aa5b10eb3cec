#pragma once

#include "pipeline/models/table.h"

namespace millrace::pipeline {

/// AlbertModel and its classes for every head: BERT with a narrow embedding, and layers that share
/// their weights in groups. Source: transformers 4.57 modeling_albert.py.
Architecture albert();

}  // namespace millrace::pipeline
