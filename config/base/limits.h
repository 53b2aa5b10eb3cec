#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace millrace::config {

/// One cap: what is used by default, and how far configuration may raise it.
struct Limit {
  std::string_view name;
  std::size_t value;
  std::size_t hard_max;
  std::string_view unit;
  std::string_view reason;
};

/// The one table of caps; rows are in limits.cc and in the reference page.
std::span<const Limit> limits();

inline constexpr std::size_t kKiB = 1024;
inline constexpr std::size_t kMiB = 1024 * kKiB;

inline constexpr std::size_t kMaxRecordValueBytes = 16 * kMiB;
inline constexpr std::size_t kMaxRecordHeaders = 1000;
inline constexpr std::size_t kMaxJsonDepth = 64;
inline constexpr std::size_t kMaxJsonNodes = 100'000;
inline constexpr std::size_t kMaxTextBytes = 512 * kKiB;
inline constexpr std::size_t kMaxTextCodePoints = 100'000;
inline constexpr std::size_t kMaxTextsPerRecord = 64;
inline constexpr std::size_t kMaxWindowTokens = 1'000'000;
inline constexpr std::size_t kMaxBytesInFlight = 256 * kMiB;
inline constexpr std::size_t kMaxBatchTokens = 65'536;
inline constexpr std::size_t kMaxYamlBytes = 1 * kMiB;
inline constexpr std::size_t kMaxYamlNodes = 10'000;
inline constexpr std::size_t kMaxYamlDepth = 32;
inline constexpr std::size_t kMaxYamlAliases = 100;
inline constexpr std::size_t kMaxSafetensorsHeaderBytes = 25'000'000;
inline constexpr std::size_t kMaxTensors = 100'000;
inline constexpr std::size_t kMaxTensorRank = 8;
inline constexpr std::size_t kMaxTensorNameBytes = 512;
inline constexpr std::size_t kMaxTokenizerJsonBytes = 64 * kMiB;
inline constexpr std::size_t kMaxModelConfigBytes = 1 * kMiB;
inline constexpr std::size_t kMaxErrorBytes = 512;
inline constexpr std::size_t kMaxSeriesPerMetric = 1000;

}  // namespace millrace::config
