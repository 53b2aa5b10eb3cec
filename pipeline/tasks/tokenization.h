#pragma once

#include "pipeline/tasks/table.h"

namespace millrace::pipeline {

/// The row of the table for `tokenization`.
TaskEntry tokenization();

}  // namespace millrace::pipeline
