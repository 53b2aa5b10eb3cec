#pragma once

#include "pipeline/tasks/table.h"

namespace millrace::pipeline {

/// The row of the table for `fill-mask`.
TaskEntry fill_mask();

}  // namespace millrace::pipeline
