#include "pipeline/tensor/safetensors_header.h"

#include "config/base/json.h"
#include "config/base/limits.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace millrace::pipeline {
namespace {

constexpr std::size_t kLengthBytes = 8;

struct TypeRow {
  std::string_view name;
  StoredType type;
  std::size_t bytes;
};

constexpr auto kTypes = std::to_array<TypeRow>({
    {"F64", StoredType::f64, 8},
    {"F32", StoredType::f32, 4},
    {"F16", StoredType::f16, 2},
    {"BF16", StoredType::bf16, 2},
    {"I64", StoredType::i64, 8},
    {"I32", StoredType::i32, 4},
    {"I16", StoredType::i16, 2},
    {"I8", StoredType::i8, 1},
    {"U8", StoredType::u8, 1},
    {"BOOL", StoredType::boolean, 1},
});

const TypeRow& row(StoredType type) {
  return *std::find_if(
      kTypes.begin(), kTypes.end(), [&](const TypeRow& r) { return r.type == type; });
}

Error bad(std::string message) {
  return error(Errc::invalid_input, "BAD_WEIGHTS", std::move(message));
}

/// Counts the members of the outermost object of a valid JSON text, repeated names included.
///
/// Why: the parser keeps the last of repeated names, so that a repetition would pass unseen.
std::size_t count_members(std::string_view text) {
  std::size_t members = 0;
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (c == ':' && depth == 1) ++members;
  }
  return members;
}

std::optional<std::uint64_t> unsigned_number(const Json& value) {
  if (!value.is_number_unsigned()) return std::nullopt;
  return value.get<std::uint64_t>();
}

/// Returns elements × element size, or nothing if that does not fit into 63 bits.
std::optional<std::uint64_t> size_of(const std::vector<std::int64_t>& shape, std::size_t element) {
  std::int64_t size = static_cast<std::int64_t>(element);
  for (const std::int64_t dimension : shape) {
    if (__builtin_mul_overflow(size, dimension, &size)) return std::nullopt;
  }
  return static_cast<std::uint64_t>(size);
}

Result<std::vector<std::int64_t>> read_shape(const std::string& tensor, const Json& value) {
  if (!value.is_array() || value.size() > config::kMaxTensorRank) {
    return bad(fmt::format(
        "tensor {}: expected a shape of at most {} numbers", tensor, config::kMaxTensorRank));
  }
  std::vector<std::int64_t> shape;
  for (const Json& entry : value) {
    const auto dimension = unsigned_number(entry);
    if (!dimension || !std::in_range<std::int64_t>(*dimension)) {
      return bad(fmt::format("tensor {}: a dimension is not a number of elements", tensor));
    }
    shape.push_back(static_cast<std::int64_t>(*dimension));
  }
  return shape;
}

Result<StoredTensor> read_tensor(const std::string& name,
                                 const Json& entry,
                                 std::uint64_t data_offset,
                                 std::uint64_t file_bytes) {
  if (name.size() > config::kMaxTensorNameBytes) {
    return bad(fmt::format("a tensor name has {} bytes, expected at most {}",
                           name.size(),
                           config::kMaxTensorNameBytes));
  }
  const std::string shown = config::escape_line(name, 200);
  if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") ||
      !entry.contains("data_offsets")) {
    return bad(
        fmt::format("tensor {}: expected an object with dtype, shape and data_offsets", shown));
  }
  const Json& dtype = entry["dtype"];
  const auto type = std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeRow& r) {
    return dtype.is_string() && dtype.get_ref<const std::string&>() == r.name;
  });
  if (type == kTypes.end()) {
    const std::string found = dtype.is_string()
                                  ? config::escape_line(dtype.get_ref<const std::string&>(), 40)
                                  : "no text";
    return error(
        Errc::unsupported,
        "UNSUPPORTED_DTYPE",
        fmt::format("tensor {}: dtype {}, expected one of F64, F32, F16, BF16, I64, I32, I16, "
                    "I8, U8, BOOL",
                    shown,
                    found));
  }
  auto shape = read_shape(shown, entry["shape"]);
  if (!shape) return std::move(shape).error();
  const Json& offsets = entry["data_offsets"];
  const bool pair = offsets.is_array() && offsets.size() == 2;
  const auto begin = pair ? unsigned_number(offsets[0]) : std::nullopt;
  const auto end = pair ? unsigned_number(offsets[1]) : std::nullopt;
  const std::uint64_t data_bytes = file_bytes - data_offset;
  if (!begin || !end || *begin > *end || *end > data_bytes) {
    return bad(fmt::format(
        "tensor {}: data_offsets do not lie within the {} bytes of data", shown, data_bytes));
  }
  const auto size = size_of(*shape, type->bytes);
  if (!size || *size != *end - *begin) {
    return bad(fmt::format("tensor {}: {} [{}] does not fill its {} bytes",
                           shown,
                           type->name,
                           fmt::join(*shape, ", "),
                           *end - *begin));
  }
  return StoredTensor{.name = name,
                      .type = type->type,
                      .shape = *std::move(shape),
                      .offset = data_offset + *begin,
                      .size_bytes = *size};
}

Result<void> check_cover(const SafetensorsHeader& header, std::uint64_t file_bytes) {
  std::uint64_t expected = header.data_offset;
  for (const StoredTensor& tensor : header.tensors) {
    if (tensor.offset != expected) {
      return bad(
          fmt::format("tensor {} begins at byte {}, expected {}: the tensors must lie end to end",
                      config::escape_line(tensor.name, 200),
                      tensor.offset,
                      expected));
    }
    expected += tensor.size_bytes;
  }
  if (expected != file_bytes) {
    return bad(fmt::format("the tensors end at byte {}, the file has {}", expected, file_bytes));
  }
  return {};
}

}  // namespace

std::string_view name(StoredType type) { return row(type).name; }

std::size_t bytes_per_element(StoredType type) { return row(type).bytes; }

Result<std::uint64_t> safetensors_table_bytes(std::span<const std::byte> start,
                                              std::uint64_t file_bytes) {
  static_assert(std::endian::native == std::endian::little, "the format is little endian");
  if (start.size() < kLengthBytes || file_bytes < kLengthBytes) {
    return bad(fmt::format("the file has {} bytes, too few for a safetensors file", file_bytes));
  }
  std::uint64_t length = 0;
  std::memcpy(&length, start.data(), sizeof length);
  if (length > config::kMaxSafetensorsHeaderBytes || length > file_bytes - kLengthBytes) {
    return bad(fmt::format("the table claims {} bytes, expected at most {} in a file of {}",
                           length,
                           config::kMaxSafetensorsHeaderBytes,
                           file_bytes));
  }
  return length;
}

Result<SafetensorsHeader> parse_safetensors_header(std::span<const std::byte> bytes,
                                                   std::uint64_t file_bytes) {
  const auto length = safetensors_table_bytes(bytes, file_bytes);
  if (!length) return length.error();
  if (bytes.size() - kLengthBytes < *length) return bad("the table is cut off");
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + kLengthBytes, *length);
  // A tensor costs an object, its three members and up to rank + 2 numbers.
  const auto table =
      config::parse_json(text,
                         {.max_bytes = config::kMaxSafetensorsHeaderBytes,
                          .max_depth = 4,
                          .max_nodes = config::kMaxTensors * (config::kMaxTensorRank + 6)});
  if (!table) return bad("the table is not JSON: " + table.error().message);
  if (!table->is_object()) return bad("the table is not a JSON object");
  if (count_members(text) != table->size()) return bad("a tensor name stands twice in the table");
  if (table->size() > config::kMaxTensors) {
    return bad(fmt::format(
        "the table has {} entries, expected at most {}", table->size(), config::kMaxTensors));
  }
  SafetensorsHeader header{.tensors = {}, .data_offset = kLengthBytes + *length};
  for (const auto& [key, entry] : table->items()) {
    if (key == "__metadata__") continue;
    auto tensor = read_tensor(key, entry, header.data_offset, file_bytes);
    if (!tensor) return std::move(tensor).error();
    header.tensors.push_back(*std::move(tensor));
  }
  // Empty tensors share their offset with the next one and come first.
  std::sort(header.tensors.begin(), header.tensors.end(), [](const auto& a, const auto& b) {
    return std::tie(a.offset, a.size_bytes, a.name) < std::tie(b.offset, b.size_bytes, b.name);
  });
  if (auto cover = check_cover(header, file_bytes); !cover) return std::move(cover).error();
  return header;
}

}  // namespace millrace::pipeline
