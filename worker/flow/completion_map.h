#pragma once

#include "config/base/result.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::worker {

/// Received offsets that are done, [first, end). Offsets inside that never were received
/// (compaction, transaction markers) are covered as well: they do not exist.
struct OffsetRun {
  std::int64_t first = 0;
  std::int64_t end = 0;

  friend bool operator==(const OffsetRun&, const OffsetRun&) = default;
};

/// What is done above a committed offset, so that a restart does not do it again.
///
/// It travels as the metadata string of the commit: version byte, flags, worker uuid, epoch,
/// unclean starts, base, runs as varints, CRC32C, all in base64. Losing it, or a part of it, costs
/// work and never a record.
struct CompletionMap {
  std::array<std::uint8_t, 16> worker{};
  std::uint64_t epoch = 0;
  std::uint64_t unclean_starts = 0;
  /// The committed offset the map was made for.
  std::int64_t base = 0;
  /// Ascending and apart; none below base.
  std::vector<OffsetRun> runs;

  friend bool operator==(const CompletionMap&, const CompletionMap&) = default;
};

/// Three quarters of what a broker lets metadata have.
inline constexpr std::size_t kMaxCompletionMapChars = 3072;

/// Returns the map as text of at most `max_chars`; runs that do not fit are left out, the highest
/// first.
///
/// Requires the runs to be as CompletionMap says.
std::string encode(const CompletionMap& map, std::size_t max_chars = kMaxCompletionMapChars);

/// Reads what encode() wrote. Errors: BAD_COMPLETION_MAP (invalid_input: damaged, or not ours),
/// NEWER_COMPLETION_MAP (unsupported: written by a later version). Both are safe to ignore.
Result<CompletionMap> decode_completion_map(std::string_view text);

}  // namespace millrace::worker
