#pragma once

#include "config/base/result.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace millrace::config {

/// A JSON document with keys in file order. Sources include <nlohmann/json.hpp>; headers see this
/// declaration only.
using Json = nlohmann::ordered_json;

/// What a document may cost while it is parsed; defaults are the rows of limits.h.
struct JsonLimits {
  std::size_t max_bytes;
  std::size_t max_depth;
  std::size_t max_nodes;

  /// The limits for records.
  static JsonLimits record();
  /// The limits for model files (tokenizer.json, config.json, safetensors headers): deeper budgets,
  /// same depth.
  static JsonLimits model_file();
};

/// What a key means that stands twice in one object: the last one counts, as in Python, or the
/// document is refused.
enum class RepeatedKeys : std::uint8_t { last_counts, refused };

/// Parses one RFC 8259 document under limits.
///
/// Errors (kind invalid_input): BAD_UTF8, BAD_JSON, TOO_DEEP, TOO_MANY_NODES, TOO_LARGE,
/// DUPLICATE_KEY, each with the byte offset. A number beyond double range is BAD_JSON. Thread-safe.
Result<Json> parse_json(std::string_view text,
                        const JsonLimits& limits,
                        RepeatedKeys repeated = RepeatedKeys::last_counts);

/// Appends the document as compact JSON text.
///
/// Doubles in the shortest form that reads back equal, spelt as Python's json.dumps does (`1.0`,
/// `1e-05`); strings in UTF-8 unescaped where JSON allows. Float32 vectors (float_vector) are
/// written as arrays of shortest float32. Errors (invalid_input): NONFINITE for NaN or infinity,
/// BINARY for any other binary value.
Result<void> write_json(const Json& document, std::string& out);

/// Writes or throws Bug; for documents of our own making.
std::string to_text(const Json& document);

/// Makes a compact value that write_json prints as an array of float32 numbers. It is a JSON binary
/// value inside, four bytes a number: 16 times smaller than an array of nodes.
Json float_vector(std::span<const float> values);

/// Returns the numbers of a float_vector; empty for any other value.
std::span<const float> float_vector_view(const Json& value);

/// Owns a document behind a pointer, so that headers need not know the type. Empty until set.
class Document {
 public:
  Document();
  explicit Document(Json json);
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;
  Document(Document&& other) noexcept;
  Document& operator=(Document&& other) noexcept;
  ~Document();

  bool has_value() const { return json_ != nullptr; }

  Json& operator*() { return *json_; }

  const Json& operator*() const { return *json_; }

  Json* operator->() { return json_.get(); }

  const Json* operator->() const { return json_.get(); }

  /// Returns a deep copy.
  Document clone() const;

 private:
  std::unique_ptr<Json> json_;
};

}  // namespace millrace::config

namespace millrace {
using config::Document;
using config::Json;
}  // namespace millrace
