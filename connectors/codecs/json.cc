#include "connectors/codecs/codecs.h"
#include "connectors/codecs/value.h"

#include <utility>

#include <nlohmann/json.hpp>

namespace millrace::connectors {
namespace {

/// Confluent's serializers put a zero byte and a schema id of four bytes in front of the payload.
bool looks_framed(std::string_view value) { return value.size() > 5 && value.front() == '\0'; }

class JsonCodec final : public Codec {
 public:
  explicit JsonCodec(const CodecOptions& options) : options_(options) {}

  Result<Document> decode(const Record& record) const override {
    if (record.value.is_null()) return null_value(record);
    auto json = config::parse_json(
        record.value.view(), config::JsonLimits::record(), options_.repeated_keys);
    if (json) return Document(*std::move(json));
    Error problem = std::move(json).error();
    if (looks_framed(record.value.view())) {
      problem.message +=
          "; this looks like Confluent framing (a schema id before the payload), not plain JSON: "
          "write the topic without a schema registry's serializer";
    }
    return problem;
  }

  Result<Bytes> encode(const Document& document) const override { return json_bytes(*document); }

 private:
  CodecOptions options_;
};

}  // namespace

std::unique_ptr<Codec> make_json_codec(const CodecOptions& options) {
  return std::make_unique<JsonCodec>(options);
}

}  // namespace millrace::connectors
