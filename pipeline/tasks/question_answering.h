#pragma once

#include "pipeline/tasks/table.h"

namespace millrace::pipeline {

/// The row of the table for `question-answering`.
TaskEntry question_answering();

}  // namespace millrace::pipeline
