#include "config/base/json.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

/// Whatever is accepted is written, reads back equal and is written the same again; the library
/// agrees that it is JSON.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace::config;  // NOLINT(google-build-using-namespace)
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto json = parse_json(text, JsonLimits::record());
  if (!json) {
    // A refusal for form must be the library's too. It ends a text at NUL and skips a byte order
    // mark; we do neither.
    const bool differs =
        text.find('\0') != std::string_view::npos || text.substr(0, 3) == "\xEF\xBB\xBF";
    const bool range = json.error().message.find("double range") != std::string::npos;
    if (json.error().code == "BAD_JSON" && !range && !differs && Json::accept(text)) std::abort();
    return 0;
  }
  if (!Json::accept(text)) std::abort();
  std::string first;
  if (!write_json(*json, first)) std::abort();
  const auto again = parse_json(
      first, JsonLimits{.max_bytes = first.size(), .max_depth = 64, .max_nodes = 100'000});
  if (!again || *again != *json) std::abort();
  std::string second;
  if (!write_json(*again, second) || first != second) std::abort();
  return 0;
}
