#pragma once

#include "config/base/json.h"
#include "pipeline/models/table.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

/// The checkpoints in tests/golden, and what it takes to run rows on them.
namespace millrace::pipeline {

inline std::filesystem::path golden() {
  const char* root = std::getenv("MILLRACE_SOURCE_DIR");
  return std::filesystem::path(root == nullptr ? "." : root) / "tests" / "golden";
}

inline Json read(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return Json::parse(stream);
}

inline BuiltModel build(const std::filesystem::path& folder,
                        HeadKind head,
                        Json config,
                        const std::string& dtype = "float32") {
  const std::string type = config.at("model_type");
  ModelRequest request;
  request.folder = folder;
  request.config = std::make_shared<const Json>(std::move(config));
  request.head = head;
  request.dtype = dtype;
  for (const Architecture& architecture : architectures()) {
    if (architecture.model_type == type) return architecture.build(request);
  }
  ADD_FAILURE() << type << " is not in the table";
  return {};
}

inline std::shared_ptr<const Model> load(const std::string& name, HeadKind head) {
  const auto folder = golden() / name;
  BuiltModel built = build(folder, head, read(folder / "config.json"));
  for (const Error& what : built.errors) ADD_FAILURE() << what.text();
  return built.model;
}

inline Item item(std::vector<std::int32_t> ids, Wanted wanted) {
  return {.ids = std::move(ids), .type_ids = {}, .wanted = wanted};
}

inline Result<Output> run(const Model& model, const std::vector<Item>& items) {
  std::vector<const Item*> rows;
  for (const Item& one : items) rows.push_back(&one);
  const auto workspace = model.make_workspace();
  return model.forward(pack(rows), *workspace);
}

/// Returns the largest absolute difference.
inline double distance(std::span<const float> found, const std::vector<double>& expected) {
  EXPECT_EQ(found.size(), expected.size());
  double most = 0.0;
  for (std::size_t i = 0; i < std::min(found.size(), expected.size()); ++i) {
    most = std::max(most, std::abs(static_cast<double>(found[i]) - expected[i]));
  }
  return most;
}

/// Returns the numbers of rows end to end.
inline std::vector<double> flat(const Json& rows) {
  std::vector<double> values;
  for (const Json& row : rows) {
    for (const Json& value : row) values.push_back(value);
  }
  return values;
}

}  // namespace millrace::pipeline
