#include "connectors/contract/record.h"

#include <atomic>

#include <fmt/format.h>

namespace millrace::connectors {

LeaseId new_lease() {
  static std::atomic<LeaseId> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

std::string to_text(const Origin& origin) {
  return fmt::format("{}[{}]@{}", origin.topic, origin.partition, origin.offset);
}

}  // namespace millrace::connectors
