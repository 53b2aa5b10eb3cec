#include "pipeline/contract/unplaced.h"

#include <algorithm>

namespace millrace::pipeline {

bool fits(std::span<const std::int32_t> ids,
          std::size_t max_positions,
          const std::optional<Unplaced>& unplaced) {
  if (max_positions == 0 || ids.size() <= max_positions) return true;
  if (!unplaced || ids.size() > unplaced->max_tokens) return false;
  const auto free = static_cast<std::size_t>(std::count(ids.begin(), ids.end(), unplaced->id));
  return ids.size() - free <= max_positions;
}

}  // namespace millrace::pipeline
