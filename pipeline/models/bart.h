#pragma once

#include "pipeline/models/table.h"

namespace millrace::pipeline {

/// The rows of the table for `bart`, and for `mbart`, which differs in where norms stand and in how
/// the decoder's ids begin. Source: transformers 4.57, modeling_bart.py and modeling_mbart.py.
Architecture bart();
Architecture mbart();

}  // namespace millrace::pipeline
