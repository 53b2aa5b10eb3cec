#include "connectors/codecs/value.h"

#include <fmt/format.h>

namespace millrace::connectors {

Error null_value(const Record& record) {
  return error(Errc::invalid_input,
               "NULL_VALUE",
               fmt::format("{} has no value: expected one, found null; see on_null",
                           to_text(record.origin)));
}

Result<Bytes> json_bytes(const Json& document) {
  std::string text;
  auto written = config::write_json(document, text);
  if (!written) return std::move(written).error();
  return Bytes::owning(std::move(text));
}

}  // namespace millrace::connectors
