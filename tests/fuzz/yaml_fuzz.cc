#include "config/schema/document.h"
#include "config/schema/render.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace {

using namespace millrace::config;  // NOLINT(google-build-using-namespace)

struct Free {
  Node value;
  std::map<std::string, std::string> texts;
  std::chrono::milliseconds wait{1};
};

const Object<Free>& free_schema() {
  static const auto schema = Object<Free>("Fuzzed.")
                                 .node("value", &Free::value, "Anything.")
                                 .field("texts", &Free::texts, "Text.")
                                 .field("wait", &Free::wait, "A wait.", {.max = 1000});
  return schema;
}

}  // namespace

/// Whatever is accepted prints as YAML that is accepted and prints the same again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  YamlOptions options;
  options.env = [](const std::string& name) { return std::optional<std::string>(name); };
  options.read_file = [](const std::filesystem::path&) -> Result<FileText> {
    return FileText{"text", true};
  };
  const auto first = load(free_schema(), text, options);
  static_cast<void>(issues_text(first.reading.issues));
  if (has_errors(first.reading.issues)) return 0;
  static_cast<void>(to_json(first.value.value));
  const std::string printed = effective_config(free_schema().show(first.value));
  const auto second = load(free_schema(), printed, options);
  if (has_errors(second.reading.issues)) std::abort();
  if (effective_config(free_schema().show(second.value)) != printed) std::abort();
  return 0;
}
