#include "connectors/codecs/codecs.h"

#include <array>

namespace millrace::connectors {
namespace {

constexpr std::array<CodecEntry, 3> kCodecs = {{
    {"json", "One JSON document per record.", make_json_codec},
    {"text", "The whole value is text in UTF-8.", make_text_codec},
    {"bytes",
     "The whole value is bytes that nobody looks into, such as an image.",
     make_bytes_codec},
}};

}  // namespace

std::span<const CodecEntry> codecs() { return kCodecs; }

std::unique_ptr<Codec> make_codec(std::string_view name, const CodecOptions& options) {
  for (const CodecEntry& entry : kCodecs) {
    if (entry.name == name) return entry.make(options);
  }
  return nullptr;
}

}  // namespace millrace::connectors
