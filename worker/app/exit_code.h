#pragma once

#include "config/base/error.h"

#include <span>
#include <string_view>

namespace millrace::worker {

/// What the process tells its supervisor. The only place that knows the numbers.
enum class ExitCode : int {
  done = 0,
  usage = 2,
  configuration = 3,
  unreachable = 4,
  guarantee_broken = 5,
  not_drained = 6,
  fenced = 7,
  redo_spent = 8,
  device_lost = 9,
  local_io = 10,
  denied = 11,
  bug = 70,
};

struct ExitRow {
  ExitCode code;
  std::string_view meaning;
  std::string_view supervisor;
};

/// The table of the manual, in order of the numbers.
std::span<const ExitRow> exit_table();

/// Returns the exit code of an error that ended the worker.
ExitCode exit_for(const Error& error);

inline int number(ExitCode exit) { return static_cast<int>(exit); }

}  // namespace millrace::worker
