#pragma once

#include "pipeline/models/table.h"

namespace millrace::pipeline {

/// DistilBertModel and its classes for every head: BERT's encoder without token types and
/// pooler; the classifier reads the first token through a dense layer and ReLU. Source:
/// transformers 4.57 modeling_distilbert.py.
Architecture distilbert();

}  // namespace millrace::pipeline
