#pragma once

#include "pipeline/runtime/pipeline.h"

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace millrace::tests {

inline std::string golden(const std::string& name) {
  const char* source = std::getenv("MILLRACE_SOURCE_DIR");
  return std::string(source == nullptr ? "." : source) + "/tests/golden/" + name;
}

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

/// A copy of a golden checkpoint that may be spoilt.
class CheckpointCopy {
 public:
  explicit CheckpointCopy(const std::string& name) {
    static std::atomic<int> count = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("millrace-load-" + std::to_string(getpid()) + "-" + std::to_string(count++));
    std::filesystem::copy(golden(name), path_);
  }

  CheckpointCopy(const CheckpointCopy&) = delete;
  CheckpointCopy& operator=(const CheckpointCopy&) = delete;

  ~CheckpointCopy() { std::filesystem::remove_all(path_); }

  const std::filesystem::path& path() const { return path_; }

  /// file: which of the JSON files of the folder.
  void set_config(const std::string& key,
                  const Json& value,
                  const std::string& file = "config.json") const {
    Json config = Json::parse(bytes_of(path_ / file));
    config[key] = value;
    std::ofstream(path_ / file) << config.dump();
  }

  /// Gives a tensor another name of the same length.
  void hide(const std::string& name) const {
    std::string bytes = bytes_of(path_ / "model.safetensors");
    const auto at = bytes.find('"' + name + '"');
    ASSERT_NE(at, std::string::npos) << name;
    bytes[at + 1] = '_';
    std::ofstream(path_ / "model.safetensors", std::ios::binary) << bytes;
  }

  /// Gives the tensors of the head names of the same length that nobody asks for.
  void hide_head() const {
    std::string bytes = bytes_of(path_ / "model.safetensors");
    for (std::size_t at = 0; (at = bytes.find("\"classifier.", at)) != std::string::npos; ++at)
      bytes.replace(at, 12, "\"clossifier.");
    std::ofstream(path_ / "model.safetensors", std::ios::binary) << bytes;
  }

  /// Makes the first value of a float32 tensor NaN.
  void spoil(const std::string& name) const {
    std::string bytes = bytes_of(path_ / "model.safetensors");
    std::uint64_t table = 0;
    std::memcpy(&table, bytes.data(), sizeof(table));
    const Json tensors = Json::parse(bytes.substr(sizeof(table), table));
    const auto at = tensors[name]["data_offsets"][0].get<std::size_t>();
    bytes.replace(sizeof(table) + table + at, 4, std::string("\x00\x00\xC0\x7F", 4));
    std::ofstream(path_ / "model.safetensors", std::ios::binary) << bytes;
  }

 private:
  std::filesystem::path path_;
};

inline pipeline::PipelineOptions options_of(const std::filesystem::path& folder,
                                            const std::string& task) {
  pipeline::PipelineOptions options;
  options.task = task;
  options.model = folder;
  options.device = "cpu";
  return options;
}

inline std::vector<std::string> codes_of(const std::vector<Error>& errors) {
  std::vector<std::string> codes;
  for (const Error& problem : errors) codes.push_back(problem.code);
  return codes;
}

}  // namespace millrace::tests
