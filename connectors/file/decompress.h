#pragma once

#include "config/base/result.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

namespace millrace::connectors {

enum class Packing : std::uint8_t { none, gzip, zstd };

/// Returns how a file is packed, judged by its first bytes.
Packing packing_of(std::string_view first_bytes);

/// A file read from its beginning, unpacked on the way. Files of several gzip members or zstd
/// frames are read through.
class FileReader {
 public:
  virtual ~FileReader() = default;

  /// Opens a file. Errors: NO_FILE (not_found), READ_FAILED (local_io).
  static Result<std::unique_ptr<FileReader>> open(const std::filesystem::path& path);

  /// Fills the room and returns how many bytes there are; 0 at the end.
  ///
  /// Errors: BAD_ARCHIVE (local_io) for one that is damaged or cut off, ARCHIVE_CHANGED
  /// (guarantee_broken) at the end of a file whose size or time of writing is not what it was at
  /// open(), READ_FAILED (local_io).
  virtual Result<std::size_t> read(std::span<char> room) = 0;

  /// Bytes taken from the file so far, packed.
  virtual std::uint64_t consumed() const = 0;
};

}  // namespace millrace::connectors
