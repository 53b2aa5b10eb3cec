#pragma once

#include "config/base/result.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::pipeline {

/// How the numbers of a stored tensor are written. The names are those of the format.
enum class StoredType : std::uint8_t { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean };

/// Returns "F32" and the like.
std::string_view name(StoredType type);

std::size_t bytes_per_element(StoredType type);

/// Where a tensor lies and how it is to be read.
struct StoredTensor {
  std::string name;
  StoredType type = StoredType::f32;
  std::vector<std::int64_t> shape;  // empty: a scalar
  std::uint64_t offset = 0;         // from the start of the file, in bytes
  std::uint64_t size_bytes = 0;
};

/// The table at the start of a safetensors file, checked in full.
struct SafetensorsHeader {
  std::vector<StoredTensor> tensors;  // in the order of their bytes
  std::uint64_t data_offset = 0;      // 8 + length of the table
};

/// Returns the length of the table from the first eight bytes of a file.
///
/// Errors: BAD_WEIGHTS (invalid_input) if the file is too short for it or it is above
/// kMaxSafetensorsHeaderBytes.
Result<std::uint64_t> safetensors_table_bytes(std::span<const std::byte> start,
                                              std::uint64_t file_bytes);

/// Reads and checks the table of a safetensors file. Needs no torch; touches nothing beyond the
/// table.
///
/// bytes: at least the first 8 + table bytes of the file; file_bytes: the length of the whole file.
/// Afterwards: names are unique and bounded, every type is known, the size of every tensor is the
/// product of its shape and its element size (without overflow), and the tensors cover the rest of
/// the file without hole or overlap. Errors: BAD_WEIGHTS (invalid_input), with the tensor and what
/// was expected; UNSUPPORTED_DTYPE (unsupported).
Result<SafetensorsHeader> parse_safetensors_header(std::span<const std::byte> bytes,
                                                   std::uint64_t file_bytes);

}  // namespace millrace::pipeline
