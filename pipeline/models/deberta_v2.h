#pragma once

#include "pipeline/models/table.h"

namespace millrace::pipeline {

/// DeBERTa v2 and v3: scores know the distance of query and key by attention of its own. Source:
/// transformers 4.57 modeling_deberta_v2.py. Without ConvLayer (the xlarge sizes of v2).
Architecture deberta_v2();

}  // namespace millrace::pipeline
