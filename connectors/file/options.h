#pragma once

#include "config/schema/object.h"

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::connectors {

/// Files of lines to read, once, in the order of their names.
struct FileSourceOptions {
  std::vector<std::string> path;
};

/// What happens to a file that is there already.
enum class Existing : std::uint8_t { append, replace, refuse };

/// A file of lines to write; its name's ending says how it is packed: `.gz`, `.zst`, else not at
/// all.
struct FileSinkOptions {
  std::string path;
  Existing existing = Existing::append;
};

const config::Object<FileSourceOptions>& file_source_schema();
const config::Object<FileSinkOptions>& file_sink_schema();

}  // namespace millrace::connectors
