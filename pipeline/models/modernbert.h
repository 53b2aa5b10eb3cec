#pragma once

#include "pipeline/models/table.h"

namespace millrace::pipeline {

/// ModernBERT: norms before the parts of a layer, rotary positions, gated feed-forward, attention
/// that sees a window in most layers. Source: transformers 4.57 modular_modernbert.py.
Architecture modernbert();

}  // namespace millrace::pipeline
