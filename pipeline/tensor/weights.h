#pragma once

#include "config/base/result.h"
#include "pipeline/tensor/checkpoint.h"

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/core/TensorBody.h>

namespace millrace::pipeline {

/// Returns the scalar type of "float32", "bfloat16" or "float16"; anything else is our bug.
at::ScalarType scalar_type(std::string_view dtype);

/// What becomes of a tensor with values that are NaN or infinite: it is taken and remembered, or it
/// is an error.
enum class NonfiniteWeights : std::uint8_t { noted, refused };

/// Hands a builder the tensors it names, and remembers everything that does not fit.
///
/// Confined to one thread. Tensors that need no conversion are views of the mapped file and keep it
/// mapped.
class Weights {
 public:
  /// `checkpoint` is read while tensors are taken; `device` and `dtype` are resolved.
  Weights(const Checkpoint& checkpoint,
          std::string_view device,
          std::string_view dtype,
          NonfiniteWeights rule);

  /// Sets the prefix of the base model ("bert."). A checkpoint that was saved without it is
  /// recognised.
  void use_prefix(std::string prefix);

  /// Takes a floating tensor of the base model: with the prefix, without it, or under its old name
  /// (`LayerNorm.gamma/beta`).
  ///
  /// shape: what it must have. Returns it in the wanted dtype on the wanted device; an undefined
  /// tensor, and an error kept, if it is missing or misshapen.
  at::Tensor base(const std::string& name, const std::vector<std::int64_t>& shape);

  /// The same for a tensor outside the base model ("classifier.weight").
  at::Tensor head(const std::string& name, const std::vector<std::int64_t>& shape);

  /// Says that a tensor is in the base model, or outside it, whatever its shape.
  bool has_base(const std::string& name) const;
  bool has_head(const std::string& name) const;

  /// WEIGHT_MISSING, WEIGHT_SHAPE, WEIGHT_DTYPE, WEIGHT_NONFINITE (invalid_input): all that was
  /// found so far.
  const std::vector<Error>& errors() const { return errors_; }

  /// Taken tensors with values that are no finite numbers: such a model answers NaN to whatever
  /// meets them.
  struct Nonfinite {
    std::string name;
    std::int64_t values = 0;
  };

  const std::vector<Nonfinite>& nonfinite() const { return nonfinite_; }

  /// Names of the tensors that nobody took and that are no known ballast (position_ids, masks).
  std::vector<std::string> unexpected() const;

  /// Gives the resident pages of a taken tensor back, after it was copied into another form.
  void release(const at::Tensor& tensor) const;

 private:
  const Checkpoint::Entry* find(const std::string& full) const;
  const Checkpoint::Entry* find_base(const std::string& name) const;
  at::Tensor take(const Checkpoint::Entry* entry,
                  const std::string& shown,
                  const std::vector<std::int64_t>& shape);

  const Checkpoint& checkpoint_;
  std::string device_;
  at::ScalarType dtype_;
  NonfiniteWeights rule_;
  std::string prefix_;
  bool has_prefix_ = false;
  std::set<std::string> taken_;
  std::vector<Error> errors_;
  std::vector<Nonfinite> nonfinite_;
};

}  // namespace millrace::pipeline
