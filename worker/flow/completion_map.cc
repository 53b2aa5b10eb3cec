#include "worker/flow/completion_map.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include <fmt/format.h>

// Layout before base64, all numbers but the checksum as LEB128 varints:
//
//     version (1 byte) · flags (1 byte, 0) · worker uuid (16 bytes) · epoch · unclean starts · base
//     { gap · length }*        gap: from the end of the run before, or from base, to the first
//     offset of this run CRC32C of all bytes before it, little endian (4 bytes)
//
// Example: base 11, done [15, 17) and [20, 21) gives the runs 4 2 3 1.

namespace millrace::worker {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kChecksumBytes = 4;
constexpr std::size_t kMaxDecodedChars =
    8192;  // brokers allow 4096 by default, some are set higher

constexpr std::array<std::uint32_t, 256> crc32c_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value & 1U) != 0 ? (value >> 1U) ^ 0x82F63B78U : value >> 1U;
    }
    table[i] = value;
  }
  return table;
}

constexpr auto kCrc32c = crc32c_table();

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t sum = 0xFFFFFFFFU;
  for (const char c : bytes) {
    sum = kCrc32c[(sum ^ static_cast<std::uint8_t>(c)) & 0xFFU] ^ (sum >> 8U);
  }
  return sum ^ 0xFFFFFFFFU;
}

void put_varint(std::uint64_t value, std::string& out) {
  while (value >= 0x80) {
    out += static_cast<char>((value & 0x7FU) | 0x80U);
    value >>= 7U;
  }
  out += static_cast<char>(value);
}

/// Takes a varint from the front; nothing if the bytes end within it or it exceeds 63 bits.
std::optional<std::uint64_t> take_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 63; shift += 7) {
    if (bytes.empty()) return std::nullopt;
    const auto byte = static_cast<std::uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
    if ((byte & 0x80U) == 0) return value;
  }
  return std::nullopt;
}

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::size_t base64_size(std::size_t bytes) { return (bytes + 2) / 3 * 4; }

std::string to_base64(std::string_view bytes) {
  std::string out;
  out.reserve(base64_size(bytes.size()));
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8U | (k < have ? static_cast<std::uint8_t>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out += k <= have ? kAlphabet[group >> (18U - 6U * k) & 0x3FU] : '=';
    }
  }
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const bool padded = i + k >= text.size() - padding;
      const std::size_t digit = padded ? 0 : kAlphabet.find(text[i + k]);
      if (digit == std::string_view::npos) return std::nullopt;
      group = group << 6U | static_cast<std::uint32_t>(digit);
    }
    for (unsigned k = 0; k < 3; ++k) out += static_cast<char>(group >> (16U - 8U * k) & 0xFFU);
  }
  out.resize(out.size() - padding);
  return out;
}

Error damaged(std::string_view what) {
  return error(Errc::invalid_input,
               "BAD_COMPLETION_MAP",
               fmt::format("the completion map of a committed offset cannot be read: {}; what it "
                           "would have spared is done again",
                           what));
}

/// Reads the runs up to the end of the bytes.
std::optional<std::vector<OffsetRun>> take_runs(std::string_view bytes, std::int64_t base) {
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  std::vector<OffsetRun> runs;
  auto end = static_cast<std::uint64_t>(base);
  while (!bytes.empty()) {
    const auto gap = take_varint(bytes);
    const auto length = take_varint(bytes);
    if (!gap || !length || *length == 0) return std::nullopt;
    // Only the first run may begin at the base: what an earlier owner had done there has not come
    // again yet.
    if (*gap == 0 && !runs.empty()) return std::nullopt;
    // Each is below 2^63, so the sums cannot wrap around one after the other.
    const std::uint64_t first = end + *gap;
    if (first > kMax || first + *length > kMax) return std::nullopt;
    end = first + *length;
    runs.push_back(OffsetRun{static_cast<std::int64_t>(first), static_cast<std::int64_t>(end)});
  }
  return runs;
}

}  // namespace

std::string encode(const CompletionMap& map, std::size_t max_chars) {
  std::string bytes;
  bytes += static_cast<char>(kVersion);
  bytes += '\0';
  bytes.append(reinterpret_cast<const char*>(map.worker.data()), map.worker.size());
  put_varint(map.epoch, bytes);
  put_varint(map.unclean_starts, bytes);
  put_varint(static_cast<std::uint64_t>(map.base), bytes);
  std::int64_t end = map.base;
  for (const OffsetRun& run : map.runs) {
    const std::size_t before = bytes.size();
    put_varint(static_cast<std::uint64_t>(run.first - end), bytes);
    put_varint(static_cast<std::uint64_t>(run.end - run.first), bytes);
    if (base64_size(bytes.size() + kChecksumBytes) > max_chars) {
      bytes.resize(before);
      break;
    }
    end = run.end;
  }
  const std::uint32_t sum = crc32c(bytes);
  for (unsigned k = 0; k < kChecksumBytes; ++k) bytes += static_cast<char>(sum >> 8U * k & 0xFFU);
  return to_base64(bytes);
}

Result<CompletionMap> decode_completion_map(std::string_view text) {
  if (text.size() > kMaxDecodedChars) return damaged("it is too long");
  const auto decoded = from_base64(text);
  if (!decoded) return damaged("it is not base64");
  std::string_view bytes = *decoded;
  if (bytes.size() < 2 + 16 + 3 + kChecksumBytes) return damaged("it is too short");

  const std::string_view checksum = bytes.substr(bytes.size() - kChecksumBytes);
  bytes.remove_suffix(kChecksumBytes);
  std::uint32_t sum = 0;
  for (std::size_t k = 0; k < kChecksumBytes; ++k) {
    sum |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(checksum[k])) << 8U * k;
  }
  if (sum != crc32c(bytes)) return damaged("its checksum is wrong");
  const auto version = static_cast<std::uint8_t>(bytes[0]);
  if (version != kVersion || bytes[1] != '\0') {
    return error(Errc::unsupported,
                 "NEWER_COMPLETION_MAP",
                 fmt::format("the completion map of a committed offset has version {}, expected "
                             "{}; what it would have spared is done again",
                             version,
                             kVersion));
  }
  bytes.remove_prefix(2);

  CompletionMap map;
  std::copy_n(bytes.begin(), map.worker.size(), map.worker.begin());
  bytes.remove_prefix(map.worker.size());
  const auto epoch = take_varint(bytes);
  const auto unclean_starts = take_varint(bytes);
  const auto base = take_varint(bytes);
  if (!epoch || !unclean_starts || !base) return damaged("its head is cut off");
  map.epoch = *epoch;
  map.unclean_starts = *unclean_starts;
  map.base = static_cast<std::int64_t>(*base);
  auto runs = take_runs(bytes, map.base);
  if (!runs) return damaged("its runs make no sense");
  map.runs = std::move(*runs);
  return map;
}

}  // namespace millrace::worker
