#include "config/base/limits.h"
#include "config/base/utf8.h"
#include "connectors/codecs/codecs.h"
#include "connectors/codecs/value.h"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::connectors {
namespace {

class TextCodec final : public Codec {
 public:
  Result<Document> decode(const Record& record) const override {
    if (record.value.is_null()) return null_value(record);
    const std::string_view text = record.value.view();
    if (text.size() > config::kMaxRecordValueBytes) {
      return error(Errc::invalid_input,
                   "TOO_LARGE",
                   fmt::format("the text is too large: expected at most {} bytes, found {}",
                               config::kMaxRecordValueBytes,
                               text.size()));
    }
    if (const auto at = config::invalid_utf8_at(text)) {
      return error(
          Errc::invalid_input, "BAD_UTF8", fmt::format("the text is not UTF-8 at byte {}", *at));
    }
    return Document(Json(std::string(text)));
  }

  Result<Bytes> encode(const Document& document) const override {
    if (document->is_string()) return Bytes::copy_of(document->get_ref<const std::string&>());
    return json_bytes(*document);
  }
};

}  // namespace

std::unique_ptr<Codec> make_text_codec(const CodecOptions& /*options*/) {
  return std::make_unique<TextCodec>();
}

}  // namespace millrace::connectors
