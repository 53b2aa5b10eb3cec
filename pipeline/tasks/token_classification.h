#pragma once

#include "pipeline/tasks/table.h"

namespace millrace::pipeline {

/// The row of the table for `token-classification`.
TaskEntry token_classification();

}  // namespace millrace::pipeline
