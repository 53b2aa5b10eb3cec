#pragma once

#include "config/base/json.h"
#include "pipeline/contract/model.h"
#include "pipeline/models/head_names.h"
#include "pipeline/models/model_config.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::pipeline {

/// A resolved wish: which weights, with which head, where.
struct ModelRequest {
  std::filesystem::path folder;
  std::shared_ptr<const Json> config;  // config.json
  HeadKind head = HeadKind::none;
  std::string device = "cpu";     // "cpu" or "cuda:N": resolved, present
  std::string dtype = "float32";  // resolved
  std::string revision;           // declared by the user; empty: none
  bool strict_weights = false;    // weights with NaN or infinity are refused, not only noted
};

/// A model, or everything that is wrong with its files.
struct BuiltModel {
  std::shared_ptr<const Model> model;  // null if there are errors
  std::vector<Error> errors;
};

/// Says which model_type and heads a file can build, and how.
struct Architecture {
  std::string_view model_type;  // config.json's model_type
  std::string_view sentence;
  std::span<const HeadNames> heads;  // static; HeadKind::none among them
  BuiltModel (*build)(const ModelRequest& request);
  std::int64_t labels_by_default = kLabelsByDefault;
};

std::span<const Architecture> architectures();

/// Returns nullptr for a head that is not among them.
const HeadNames* find_head(std::span<const HeadNames> heads, HeadKind kind);

}  // namespace millrace::pipeline
