#pragma once

#include "config/base/result.h"
#include "pipeline/tensor/mapped_file.h"
#include "pipeline/tensor/safetensors_header.h"

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace millrace::pipeline {

/// The tensors of a model folder as bytes: `model.safetensors`, or the shards of
/// `model.safetensors.index.json`.
///
/// Needs no torch. Immutable, thread-safe. Nothing of the weights is read until somebody looks at
/// the bytes.
class Checkpoint {
 public:
  struct Entry {
    StoredTensor tensor;
    std::shared_ptr<const MappedFile> file;

    std::span<const std::byte> bytes() const {
      return file->bytes().subspan(tensor.offset, tensor.size_bytes);
    }
  };

  /// Opens and checks every file of a folder.
  ///
  /// Errors: NO_WEIGHTS (not_found), which names the way out if the folder holds a pickle;
  /// BAD_WEIGHTS, UNSUPPORTED_DTYPE; BAD_FILE for an index that is no index, leads out of the
  /// folder or promises what a shard lacks.
  static Result<Checkpoint> open(const std::filesystem::path& folder);

  /// By name; nothing if there is no such tensor.
  const Entry* find(const std::string& name) const;

  const std::map<std::string, Entry>& entries() const { return entries_; }

  /// Returns the dtype of the first floating tensor in the order of the (first) file, F32 if there
  /// is none.
  StoredType first_float() const { return first_float_; }

  /// Computes the SHA-256 over all files in order, as 64 hexadecimal digits. Reads every byte once,
  /// in pieces and not through the mapping, so that nothing stays resident. Errors: READ_FAILED
  /// (local_io).
  Result<std::string> content_sha256() const;

 private:
  Result<void> add_file(const std::filesystem::path& path);

  std::vector<std::filesystem::path> paths_;
  std::map<std::string, Entry> entries_;
  StoredType first_float_ = StoredType::f32;
  bool has_float_ = false;
};

}  // namespace millrace::pipeline
