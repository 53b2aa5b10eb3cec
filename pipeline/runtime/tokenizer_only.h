#pragma once

#include "pipeline/contract/model.h"

#include <filesystem>
#include <memory>
#include <string>

namespace millrace::pipeline {

/// Stands where a model would for a task that has none: its facts name the tokenizer of the folder,
/// and its revision follows from the tokenizer's files. forward() fails: no such task makes rows.
std::shared_ptr<const Model> tokenizer_only(const std::filesystem::path& folder,
                                            const std::string& revision);

}  // namespace millrace::pipeline
