#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace::pipeline {

/// One field of a protobuf message.
struct WireField {
  enum class Kind : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

  std::uint32_t number = 0;  // from 1
  Kind kind = Kind::varint;
  std::uint64_t value = 0;  // of a number
  std::string_view bytes;   // of Kind::bytes
  std::string_view whole;   // key, length and value as they stand in the message

  /// A varint of type int32 or enum; those below 0 are written as 64 bits.
  std::int32_t as_int32() const { return static_cast<std::int32_t>(value); }

  float as_float() const;
};

/// Reads the fields of a protobuf message one after the other. The views point into it. Allocates
/// nothing, and knows nothing of what the fields mean.
///
/// Groups, which went out of use before this format was made, count as damage.
/// Source: protobuf.dev, "Encoding".
class WireReader {
 public:
  explicit WireReader(std::string_view message) : message_(message) {}

  /// Nothing at the end of the message, or where it is damaged: ok() tells.
  std::optional<WireField> next();

  bool ok() const { return ok_; }

  /// Where the next field begins; with ok() false, where the damaged one does.
  std::size_t at() const { return at_; }

 private:
  std::optional<std::uint64_t> varint(std::size_t& at) const;
  std::optional<std::uint64_t> fixed(std::size_t width, std::size_t& at) const;
  bool value(WireField& field, std::size_t& at) const;

  std::string_view message_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace millrace::pipeline
