#pragma once

#include <string>

namespace millrace::pipeline {

/// Returns the version of libtorch that this build was compiled with: `2.11.0`.
std::string torch_version();

}  // namespace millrace::pipeline
