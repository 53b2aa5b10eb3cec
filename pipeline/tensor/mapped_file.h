#pragma once

#include "config/base/result.h"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace millrace::pipeline {

/// A regular file mapped read-only and privately; unmapped when the last owner leaves. Thread-safe.
///
/// The file must not be cut while it is mapped: the operating system would end the process.
class MappedFile {
 public:
  /// Errors: NO_FILE (not_found), READ_FAILED (local_io).
  static Result<std::shared_ptr<const MappedFile>> open(const std::filesystem::path& path);

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return bytes_; }

  /// Gives the resident pages that lie wholly within the range back; they are read again when
  /// touched.
  void release(std::size_t offset, std::size_t size) const;

 private:
  explicit MappedFile(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::span<const std::byte> bytes_;
};

}  // namespace millrace::pipeline
