#pragma once

#include "pipeline/models/table.h"

namespace millrace::pipeline {

/// BertModel and BertForSequenceClassification: post-norm encoder, learned positions, token types;
/// the head reads the tanh pooler of the first token. Source: transformers 4.57 modeling_bert.py.
Architecture bert();

}  // namespace millrace::pipeline
