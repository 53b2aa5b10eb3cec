#include "pipeline/text/truncation.h"

#include "config/base/limits.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace millrace::pipeline {
namespace {

using Strategy = Truncation::Strategy;

Error bad(std::string message) {
  return error(Errc::invalid_input, "BAD_TRUNCATION", std::move(message));
}

Result<std::vector<Window>> windows_over(std::size_t tokens,
                                         std::size_t room,
                                         const Truncation& truncation) {
  if (room >= tokens) return std::vector<Window>{{0, tokens}};
  if (room == 0) return std::vector<Window>{{0, 0}, {0, tokens}};
  if (truncation.stride >= room) {
    return bad(fmt::format(
        "the stride must be less than the window: expected less than {} tokens, found {}; "
        "shorten the other text, lower the stride or raise the maximum length",
        room,
        truncation.stride));
  }
  const std::size_t step = room - truncation.stride;
  // With a step of one a text would be repeated as often as a window is long.
  const std::size_t windowed = (tokens - room + step - 1) / step * room + room;
  if (truncation.stride > 0 && windowed > config::kMaxWindowTokens) {
    return bad(
        fmt::format("windows of {} tokens that share {} would hold {} tokens, expected at "
                    "most {}; shorten the text or lower the stride",
                    room,
                    truncation.stride,
                    windowed,
                    config::kMaxWindowTokens));
  }
  std::vector<Window> windows;
  if (truncation.side == Truncation::Side::right) {
    for (std::size_t begin = 0; windows.empty() || windows.back().end < tokens; begin += step) {
      windows.push_back({begin, std::min(begin + room, tokens)});
    }
    return windows;
  }
  for (std::size_t end = tokens; windows.empty() || windows.back().begin > 0; end -= step) {
    windows.push_back({end > room ? end - room : 0, end});
  }
  return windows;
}

/// Balanced: the shorter text stays whole as long as it fits beside half of the room.
std::pair<std::size_t, std::size_t> balance(std::size_t first,
                                            std::size_t second,
                                            std::size_t room) {
  std::size_t shorter = std::min(first, second);
  std::size_t longer = shorter > room ? shorter : std::max(shorter, room - shorter);
  if (shorter + longer > room) {
    shorter = room / 2;
    longer = shorter + room % 2;
  }
  return first > second ? std::pair(longer, shorter) : std::pair(shorter, longer);
}

}  // namespace

Result<Windows> truncate(std::size_t first,
                         std::optional<std::size_t> second,
                         std::size_t specials,
                         const Truncation& truncation) {
  Windows whole{.first = {{0, first}}, .second = {{0, second.value_or(0)}}};
  if (truncation.max_length < specials) {
    return bad(fmt::format(
        "the maximum length has no room for the special tokens: expected at least {}, found {}",
        specials,
        truncation.max_length));
  }
  const std::size_t room = truncation.max_length - specials;
  const std::size_t total = first + second.value_or(0);
  if (total <= room) return whole;
  std::size_t keep_first = first;
  std::size_t keep_second = second.value_or(0);
  const std::size_t excess = total - room;
  if (room == 0) {
    keep_first = 0;
    keep_second = 0;
  } else if (truncation.strategy == Strategy::longest_first) {
    if (second) {
      std::tie(keep_first, keep_second) = balance(first, *second, room);
    } else {
      keep_first = room;
    }
  } else {
    const bool cut_first = truncation.strategy == Strategy::only_first;
    if (!cut_first && !second) return bad("only the second text may be cut, and there is none");
    std::size_t& target = cut_first ? keep_first : keep_second;
    if (target <= excess) {
      return bad(fmt::format(
          "the {} text is too short to be cut to the maximum length: {} tokens too many, it has {}",
          cut_first ? "first" : "second",
          excess,
          target));
    }
    target -= excess;
  }
  auto first_windows = windows_over(first, keep_first, truncation);
  if (!first_windows) return std::move(first_windows).error();
  auto second_windows = windows_over(second.value_or(0), keep_second, truncation);
  if (!second_windows) return std::move(second_windows).error();
  return Windows{.first = *std::move(first_windows), .second = *std::move(second_windows)};
}

}  // namespace millrace::pipeline
