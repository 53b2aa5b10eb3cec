#include "pipeline/tensor/checkpoint.h"

#include "config/base/json.h"
#include "config/base/sha256.h"

#include <fstream>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::pipeline {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSingle = "model.safetensors";
constexpr std::string_view kIndex = "model.safetensors.index.json";
constexpr std::string_view kPickle = "pytorch_model.bin";
constexpr std::string_view kPickleIndex = "pytorch_model.bin.index.json";
constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

bool is_float(StoredType type) {
  return type == StoredType::f64 || type == StoredType::f32 || type == StoredType::f16 ||
         type == StoredType::bf16;
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

Error no_weights(const fs::path& folder) {
  std::string message =
      fmt::format("{}: found neither {} nor {}", folder.string(), kSingle, kIndex);
  if (is_there(folder / kPickle) || is_there(folder / kPickleIndex)) {
    message += fmt::format(
        "; {} is a pickle, which is never loaded: save the model again with "
        "safe_serialization=True",
        kPickle);
  }
  return error(Errc::not_found, "NO_WEIGHTS", std::move(message));
}

Error bad_index(const fs::path& path, std::string_view what) {
  return error(Errc::invalid_input, "BAD_FILE", fmt::format("{}: {}", path.string(), what));
}

/// A shard is a plain file name: an index must not lead out of its folder.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
}

using WeightMap = std::map<std::string, std::string>;  // tensor → shard

Result<WeightMap> read_index(const fs::path& path) {
  auto file = MappedFile::open(path);
  if (!file) return std::move(file).error();
  const std::span<const std::byte> bytes = (*file)->bytes();
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto index = config::parse_json(text, config::JsonLimits::model_file());
  if (!index) return bad_index(path, index.error().text());
  if (!index->is_object() || !index->contains("weight_map") ||
      !(*index)["weight_map"].is_object()) {
    return bad_index(path, "expected an object with a weight_map");
  }
  WeightMap map;
  for (const auto& [tensor, shard] : (*index)["weight_map"].items()) {
    if (!shard.is_string() || !is_plain_name(shard.get_ref<const std::string&>())) {
      return bad_index(path, "a shard is not the name of a file in this folder");
    }
    map.emplace(tensor, shard.get_ref<const std::string&>());
  }
  if (map.empty()) return bad_index(path, "the weight_map is empty");
  return map;
}

}  // namespace

Result<void> Checkpoint::add_file(const fs::path& path) {
  auto file = MappedFile::open(path);
  if (!file) return std::move(file).error();
  const std::span<const std::byte> bytes = (*file)->bytes();
  auto header = parse_safetensors_header(bytes, bytes.size());
  if (!header) {
    Error what = std::move(header).error();
    return error(what.kind, what.code, path.string() + ": " + what.message);
  }
  for (StoredTensor& tensor : header->tensors) {
    if (!has_float_ && is_float(tensor.type)) {
      first_float_ = tensor.type;
      has_float_ = true;
    }
    std::string name = tensor.name;
    const bool fresh = entries_.emplace(std::move(name), Entry{std::move(tensor), *file}).second;
    if (!fresh) {
      return error(
          Errc::invalid_input, "BAD_WEIGHTS", path.string() + ": a tensor stands in two shards");
    }
  }
  paths_.push_back(path);
  return {};
}

Result<Checkpoint> Checkpoint::open(const fs::path& folder) {
  Checkpoint checkpoint;
  if (is_there(folder / kSingle)) {
    if (auto added = checkpoint.add_file(folder / kSingle); !added) return std::move(added).error();
    return checkpoint;
  }
  const fs::path index = folder / kIndex;
  if (!is_there(index)) return no_weights(folder);
  const auto map = read_index(index);
  if (!map) return map.error();
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : *map) shards.insert(shard);
  for (const std::string& shard : shards) {
    if (auto added = checkpoint.add_file(folder / shard); !added) return std::move(added).error();
  }
  for (const auto& [tensor, shard] : *map) {
    const Entry* entry = checkpoint.find(tensor);
    if (entry == nullptr) {
      return bad_index(
          index,
          fmt::format("tensor {} is promised and in no shard", config::escape_line(tensor, 200)));
    }
  }
  return checkpoint;
}

const Checkpoint::Entry* Checkpoint::find(const std::string& name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : &found->second;
}

Result<std::string> Checkpoint::content_sha256() const {
  config::Sha256 digest;
  std::vector<std::byte> piece(kPieceBytes);
  for (const fs::path& path : paths_) {
    std::ifstream stream(path, std::ios::binary);
    while (stream) {
      stream.read(reinterpret_cast<char*>(piece.data()),
                  static_cast<std::streamsize>(piece.size()));
      digest.add(std::span(piece).first(static_cast<std::size_t>(stream.gcount())));
    }
    if (!stream.eof()) {
      return error(Errc::local_io, "READ_FAILED", path.string() + ": cannot read to the end");
    }
  }
  return digest.hex();
}

}  // namespace millrace::pipeline
