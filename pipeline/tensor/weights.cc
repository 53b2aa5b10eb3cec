#include "pipeline/tensor/weights.h"

#include "config/base/check.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace millrace::pipeline {
namespace {

std::optional<at::ScalarType> float_type(StoredType type) {
  switch (type) {
    case StoredType::f64:
      return at::kDouble;
    case StoredType::f32:
      return at::kFloat;
    case StoredType::f16:
      return at::kHalf;
    case StoredType::bf16:
      return at::kBFloat16;
    default:
      return std::nullopt;
  }
}

/// Makes a tensor over bytes of the mapping, which lives as long as the tensor.
at::Tensor view_of(const Checkpoint::Entry& entry, at::ScalarType type) {
  const std::span<const std::byte> bytes = entry.bytes();
  // Weights are only read; at::Tensor knows no const data.
  auto* data = const_cast<std::byte*>(bytes.data());
  at::Tensor view = at::from_blob(
      data, entry.tensor.shape, [file = entry.file](void*) {}, at::TensorOptions().dtype(type));
  const bool aligned =
      reinterpret_cast<std::uintptr_t>(data) % bytes_per_element(entry.tensor.type) == 0;
  if (aligned) return view;
  // The format allows any offset; processors and kernels do not.
  at::Tensor copy = at::empty(entry.tensor.shape, at::TensorOptions().dtype(type));
  std::copy(bytes.begin(), bytes.end(), static_cast<std::byte*>(copy.mutable_data_ptr()));
  return copy;
}

/// A sum is as fast as memory is, and shows that there is something to count.
std::int64_t count_nonfinite(const at::Tensor& tensor) {
  const auto sum = tensor.sum(tensor.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
  if (std::isfinite(sum.item<double>())) return 0;
  return tensor.numel() - at::isfinite(tensor).sum().item<std::int64_t>();
}

/// Returns the name that TensorFlow-born checkpoints use, empty if there is none.
std::string old_name(const std::string& name) {
  for (const auto& [now, then] :
       {std::pair<std::string_view, std::string_view>{"LayerNorm.weight", "LayerNorm.gamma"},
        {"LayerNorm.bias", "LayerNorm.beta"}}) {
    if (name.ends_with(now)) return name.substr(0, name.size() - now.size()) + std::string(then);
  }
  return {};
}

Error nonfinite_error(const std::string& name, std::int64_t values) {
  return error(
      Errc::invalid_input,
      "WEIGHT_NONFINITE",
      fmt::format("weight holds values that are no finite numbers: {}, expected none, found {}; "
                  "save the checkpoint again from one that has none, or load it without strict "
                  "weights",
                  name,
                  values));
}

}  // namespace

at::ScalarType scalar_type(std::string_view dtype) {
  if (dtype == "bfloat16") return at::kBFloat16;
  if (dtype == "float16") return at::kHalf;
  check(dtype == "float32", "a resolved dtype is float32, bfloat16 or float16");
  return at::kFloat;
}

Weights::Weights(const Checkpoint& checkpoint,
                 std::string_view device,
                 std::string_view dtype,
                 NonfiniteWeights rule)
    : checkpoint_(checkpoint), device_(device), dtype_(scalar_type(dtype)), rule_(rule) {}

void Weights::use_prefix(std::string prefix) {
  prefix_ = std::move(prefix);
  const auto& entries = checkpoint_.entries();
  has_prefix_ = std::any_of(entries.begin(), entries.end(), [&](const auto& entry) {
    return entry.first.starts_with(prefix_);
  });
}

const Checkpoint::Entry* Weights::find(const std::string& full) const {
  if (const auto* entry = checkpoint_.find(full)) return entry;
  const std::string old = old_name(full);
  return old.empty() ? nullptr : checkpoint_.find(old);
}

const Checkpoint::Entry* Weights::find_base(const std::string& name) const {
  return find(has_prefix_ ? prefix_ + name : name);
}

bool Weights::has_base(const std::string& name) const { return find_base(name) != nullptr; }

bool Weights::has_head(const std::string& name) const { return find(name) != nullptr; }

at::Tensor Weights::base(const std::string& name, const std::vector<std::int64_t>& shape) {
  return take(find_base(name), has_prefix_ ? prefix_ + name : name, shape);
}

at::Tensor Weights::head(const std::string& name, const std::vector<std::int64_t>& shape) {
  return take(find(name), name, shape);
}

at::Tensor Weights::take(const Checkpoint::Entry* entry,
                         const std::string& shown,
                         const std::vector<std::int64_t>& shape) {
  if (entry == nullptr) {
    errors_.push_back(
        error(Errc::invalid_input,
              "WEIGHT_MISSING",
              fmt::format("a weight is missing: {}, expected [{}]; it is never made up",
                          shown,
                          fmt::join(shape, ", "))));
    return {};
  }
  taken_.insert(entry->tensor.name);
  if (entry->tensor.shape != shape) {
    errors_.push_back(error(Errc::invalid_input,
                            "WEIGHT_SHAPE",
                            fmt::format("weight has the wrong shape: {}, expected [{}], found [{}]",
                                        shown,
                                        fmt::join(shape, ", "),
                                        fmt::join(entry->tensor.shape, ", "))));
    return {};
  }
  const auto type = float_type(entry->tensor.type);
  if (!type) {
    errors_.push_back(error(
        Errc::invalid_input,
        "WEIGHT_DTYPE",
        fmt::format("weight has the wrong dtype: {}, expected F64, F32, F16 or BF16, found {}",
                    shown,
                    pipeline::name(entry->tensor.type))));
    return {};
  }
  const at::Tensor stored = view_of(*entry, *type);
  if (const std::int64_t values = count_nonfinite(stored); values > 0) {
    nonfinite_.push_back({shown, values});
    if (rule_ == NonfiniteWeights::refused) errors_.push_back(nonfinite_error(shown, values));
  }
  at::Tensor wanted = stored.to(at::Device(device_), dtype_);
  if (!wanted.is_same(stored)) release(stored);
  return wanted;
}

std::vector<std::string> Weights::unexpected() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : checkpoint_.entries()) {
    const bool ballast = name.ends_with("position_ids") || name.ends_with("attn.bias") ||
                         name.ends_with("attn.masked_bias") || name.ends_with("inv_freq");
    if (!ballast && !taken_.contains(name)) names.push_back(name);
  }
  return names;
}

void Weights::release(const at::Tensor& tensor) const {
  if (!tensor.defined() || !tensor.device().is_cpu()) return;
  const auto* begin = static_cast<const std::byte*>(tensor.const_data_ptr());
  for (const auto& [name, entry] : checkpoint_.entries()) {
    if (entry.bytes().data() == begin)
      entry.file->release(entry.tensor.offset, entry.tensor.size_bytes);
  }
}

}  // namespace millrace::pipeline
