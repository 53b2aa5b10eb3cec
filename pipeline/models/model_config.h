#pragma once

#include "config/base/json.h"
#include "config/base/result.h"

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::pipeline {

/// Labels of a classifier whose config.json tells none, as in most classes of transformers.
inline constexpr std::int64_t kLabelsByDefault = 2;

/// Reads numbers and texts of config.json and keeps everything that is wrong with it. Confined to
/// one thread.
class ModelConfig {
 public:
  explicit ModelConfig(const Json& json) : json_(json) {}

  /// Reads a size of 1 … 16,777,216, which no model exceeds and no product of two overflows.
  std::int64_t size(const char* key);

  /// Reads a size that may be absent or 0.
  std::int64_t size_or(const char* key, std::int64_t absent);

  /// Reads a number that may be absent or negative, where that means none.
  std::int64_t signed_or(const char* key, std::int64_t absent);

  /// Reads a list of texts, or one text with them between bars ("a|b"); absent: none.
  std::vector<std::string> words(const char* key);

  /// Whether the file names a key with a value other than null, or with null.
  bool has(const char* key) const { return find(key) != nullptr; }

  bool has_null(const char* key) const;

  /// Read a value that may be absent; one of another type is a complaint.
  double number_or(const char* key, double absent);
  std::string text_or(const char* key, std::string absent);
  bool flag_or(const char* key, bool absent);

  /// Returns id2label in the order of the ids, which must be 0 … n − 1; without it LABEL_0 … for
  /// num_labels, or `by_default` of them.
  std::vector<std::string> labels(std::int64_t by_default = kLabelsByDefault);

  /// Keeps a complaint: BAD_MODEL_CONFIG (invalid_input) or UNSUPPORTED_MODEL (unsupported).
  void complain(std::string message);
  void refuse(std::string message);

  const std::vector<Error>& errors() const { return errors_; }

 private:
  const Json* find(const char* key) const;
  void wrong_type(const char* key, const char* expected);

  const Json& json_;
  std::vector<Error> errors_;
};

}  // namespace millrace::pipeline
