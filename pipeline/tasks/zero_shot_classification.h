#pragma once

#include "pipeline/tasks/table.h"

namespace millrace::pipeline {

/// The row of the table for `zero-shot-classification`.
TaskEntry zero_shot_classification();

}  // namespace millrace::pipeline
