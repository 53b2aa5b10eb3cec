#pragma once

#include "config/base/result.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace millrace::connectors {

struct TopicInfo {
  std::string name;
  std::int32_t partitions = 0;
  bool exists = false;
};

/// Asks the outside about topics and offsets. Confined to one thread at a time; every call has a
/// deadline.
class Admin {
 public:
  virtual ~Admin() = default;

  virtual Result<std::vector<TopicInfo>> topics(const std::vector<std::string>& names,
                                                std::chrono::milliseconds deadline) = 0;

  /// Creates a topic; an existing one is fine.
  virtual Result<void> create_topic(const std::string& name,
                                    std::int32_t partitions,
                                    std::chrono::milliseconds deadline) = 0;

  /// Returns low and high watermark.
  virtual Result<std::pair<std::int64_t, std::int64_t>> watermarks(
      const std::string& topic, std::int32_t partition, std::chrono::milliseconds deadline) = 0;
};

}  // namespace millrace::connectors
