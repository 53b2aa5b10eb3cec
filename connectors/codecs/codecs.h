#pragma once

#include "config/base/json.h"
#include "connectors/contract/codec.h"

#include <memory>
#include <span>
#include <string_view>

namespace millrace::connectors {

/// How strictly values are read.
struct CodecOptions {
  config::RepeatedKeys repeated_keys = config::RepeatedKeys::last_counts;  // of JSON objects
};

/// One codec, by the name written at `decode:` and `encode:`.
struct CodecEntry {
  std::string_view name;
  std::string_view sentence;
  std::unique_ptr<Codec> (*make)(const CodecOptions& options);
};

/// The list of codecs: json, text, bytes.
std::span<const CodecEntry> codecs();

/// Returns nothing for a name that is not in the list.
std::unique_ptr<Codec> make_codec(std::string_view name, const CodecOptions& options = {});

/// One RFC 8259 document per record, under the limits for records.
///
/// decode: NULL_VALUE, or the errors of parse_json. encode: those of write_json.
std::unique_ptr<Codec> make_json_codec(const CodecOptions& options);

/// The whole value is one JSON string.
///
/// decode: NULL_VALUE, TOO_LARGE, BAD_UTF8. encode: a string leaves as it is, without quotes;
/// anything else as JSON.
std::unique_ptr<Codec> make_text_codec(const CodecOptions& options);

/// The whole value is one JSON binary value of subtype 0: media, or whatever passes through
/// unchanged.
///
/// Transparent. decode: NULL_VALUE. encode: the bytes unchanged; a string as it is, without quotes;
/// anything else as JSON.
std::unique_ptr<Codec> make_bytes_codec(const CodecOptions& options);

}  // namespace millrace::connectors
