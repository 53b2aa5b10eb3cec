#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace millrace::config {

/// Computes SHA-256 (FIPS 180-4) over bytes given piece by piece.
class Sha256 {
 public:
  Sha256();

  void add(std::span<const std::byte> bytes);

  /// Returns the digest as 64 hexadecimal digits; nothing may be added afterwards.
  std::string hex();

 private:
  void compress(const std::byte* block);

  std::array<std::uint32_t, 8> state_;
  std::array<std::byte, 64> pending_;
  std::size_t pending_size_ = 0;
  std::uint64_t total_ = 0;
};

/// Returns the SHA-256 of the bytes as 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view bytes);

}  // namespace millrace::config
