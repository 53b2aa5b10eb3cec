#pragma once

#include "pipeline/tasks/table.h"

namespace millrace::pipeline {

/// The row of the table for `feature-extraction`.
TaskEntry feature_extraction();

}  // namespace millrace::pipeline
