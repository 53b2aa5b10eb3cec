#pragma once

#include "pipeline/models/table.h"

namespace millrace::pipeline {

/// RobertaModel, XLMRobertaModel, CamembertModel and their classes for every head: BERT with
/// positions that skip the padding id and start behind it. The classifier of texts reads the first
/// token through dense and tanh, without a pooler. Source: transformers 4.57 modeling_roberta.py.
Architecture roberta();
Architecture xlm_roberta();
Architecture camembert();

}  // namespace millrace::pipeline
