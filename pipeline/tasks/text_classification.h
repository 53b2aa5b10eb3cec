#pragma once

#include "pipeline/tasks/table.h"

namespace millrace::pipeline {

/// The row of the table for `text-classification`.
TaskEntry text_classification();

}  // namespace millrace::pipeline
