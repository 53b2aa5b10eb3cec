#pragma once

#include "pipeline/models/table.h"

namespace millrace::pipeline {

/// BertModel and its classes for every head: post-norm encoder, learned positions, token types;
/// the classifier of texts reads the tanh pooler of the first token. Source: transformers 4.57
/// modeling_bert.py.
Architecture bert();

}  // namespace millrace::pipeline
