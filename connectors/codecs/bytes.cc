#include "connectors/codecs/codecs.h"
#include "connectors/codecs/value.h"

#include <cstdint>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace millrace::connectors {
namespace {

constexpr std::uint8_t kPlainSubtype = 0;  // others are ours: float vectors

class BytesCodec final : public Codec {
 public:
  Result<Document> decode(const Record& record) const override {
    if (record.value.is_null()) return null_value(record);
    const std::string_view value = record.value.view();
    return Document(
        Json::binary(std::vector<std::uint8_t>(value.begin(), value.end()), kPlainSubtype));
  }

  Result<Bytes> encode(const Document& document) const override {
    const Json& json = *document;
    if (json.is_string()) return Bytes::copy_of(json.get_ref<const std::string&>());
    if (!json.is_binary()) return json_bytes(json);
    const Json::binary_t& bytes = json.get_binary();
    if (bytes.has_subtype() && bytes.subtype() != kPlainSubtype) return json_bytes(json);
    return Bytes::owning(std::string(bytes.begin(), bytes.end()));
  }

  bool is_transparent() const override { return true; }
};

}  // namespace

std::unique_ptr<Codec> make_bytes_codec(const CodecOptions& /*options*/) {
  return std::make_unique<BytesCodec>();
}

}  // namespace millrace::connectors
