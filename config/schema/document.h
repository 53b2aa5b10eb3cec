#pragma once

#include "config/base/result.h"
#include "config/schema/issue.h"
#include "config/schema/node.h"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::config {

/// The text behind `${file:path}`.
struct FileText {
  std::string text;
  bool world_readable = false;
};

/// Where a configuration stands, and where its variables come from. Tests replace the functions.
struct YamlOptions {
  std::string file = "topology.yaml";  // for messages
  std::filesystem::path root = ".";    // what `${file:}` paths are relative to
  std::function<std::optional<std::string>(const std::string& name)> env = process_environment;
  std::function<Result<FileText>(const std::filesystem::path&)> read_file = read_small_file;

  static std::optional<std::string> process_environment(const std::string& name);

  /// Reads a regular file of at most 64 KiB, without its last newline. Errors: NO_FILE (not_found),
  /// BAD_FILE.
  static Result<FileText> read_small_file(const std::filesystem::path& path);
};

/// Parses one YAML document and substitutes its variables.
///
/// Refused, each with line and column: text that is not YAML, repeated keys, a second document,
/// merge keys, tags, keys that are not text, and whatever exceeds the yaml rows of limits.h;
/// aliases are counted before they are expanded. Returns nothing when there is no document to read;
/// missing variables are issues too, but leave a document behind.
std::optional<Node> parse_yaml(std::string_view text, const YamlOptions& options, Issues& issues);

}  // namespace millrace::config
