#include "connectors/kafka/capability.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

namespace millrace::connectors {
namespace {

/// A release: 0xMMmmrrff.
constexpr int release(int major, int minor, int revision) {
  return (major << 24) | (minor << 16) | (revision << 8) | 0xFF;
}

std::string text_of(int version) {
  return fmt::format(
      "{}.{}.{}", (version >> 24) & 0xFF, (version >> 16) & 0xFF, (version >> 8) & 0xFF);
}

}  // namespace

Capability capability_of(int version) {
  return {.version = version,
          .batch_pull = version >= release(2, 1, 1),
          .client_rack = version >= release(2, 1, 1),
          .close_unassigned_cooperative = version >= release(2, 3, 0),
          .cooperative_is_sound = version >= release(2, 6, 1),
          .scram_on_kafka_4 = version >= release(2, 6, 1),
          .commit_in_rebalance = version >= release(2, 10, 1)};
}

const Capability& capability() {
  static const Capability loaded = capability_of(rd_kafka_version());
  return loaded;
}

Result<void> check_version(int version) {
  if (version < release(2, 0, 2)) {
    return error(
        Errc::unsupported,
        "KAFKA_VERSION",
        fmt::format("librdkafka is too old: expected 2.0.2 or newer, found {}", text_of(version)));
  }
  // 2.5.0 asserts in its telemetry; 2.10.0 loses brokers (confluentinc/librdkafka#5088).
  const bool asserts = version >= release(2, 5, 0) && version <= release(2, 5, 2);
  if (asserts || version == release(2, 10, 0)) {
    return error(Errc::unsupported,
                 "KAFKA_VERSION",
                 fmt::format("librdkafka {} has a known defect that stops workers: "
                             "expected 2.0.2 … 2.4, 2.5.3 … 2.9 or 2.10.1 and newer",
                             text_of(version)));
  }
  return {};
}

void* newer_function(const char* name) { return dlsym(RTLD_DEFAULT, name); }

}  // namespace millrace::connectors
