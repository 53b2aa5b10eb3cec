#include "pipeline/text/protobuf_wire.h"

#include <bit>
#include <limits>

namespace millrace::pipeline {

float WireField::as_float() const {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value));
}

std::optional<std::uint64_t> WireReader::varint(std::size_t& at) const {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && at < message_.size(); shift += 7) {
    const auto byte = static_cast<unsigned char>(message_[at++]);
    value |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
    if ((byte & 0x80U) == 0) return value;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> WireReader::fixed(std::size_t width, std::size_t& at) const {
  if (message_.size() - at < width) return std::nullopt;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < width; ++i)
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(message_[at++])) << (8 * i);
  return value;
}

bool WireReader::value(WireField& field, std::size_t& at) const {
  std::optional<std::uint64_t> read;
  switch (field.kind) {
    case WireField::Kind::fixed64:
      read = fixed(8, at);
      break;
    case WireField::Kind::fixed32:
      read = fixed(4, at);
      break;
    case WireField::Kind::varint:
    case WireField::Kind::bytes:
      read = varint(at);
      break;
  }
  if (!read) return false;
  field.value = *read;
  if (field.kind != WireField::Kind::bytes) return true;
  if (*read > message_.size() - at) return false;
  field.bytes = message_.substr(at, static_cast<std::size_t>(*read));
  at += field.bytes.size();
  return true;
}

std::optional<WireField> WireReader::next() {
  if (!ok_ || at_ == message_.size()) return std::nullopt;
  std::size_t at = at_;
  ok_ = false;
  const auto key = varint(at);
  if (!key || *key > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  const auto kind = static_cast<std::uint8_t>(*key & 7U);
  WireField field;
  field.number = static_cast<std::uint32_t>(*key >> 3U);
  field.kind = static_cast<WireField::Kind>(kind);
  const bool known = kind <= 2 || kind == 5;
  if (field.number == 0 || !known || !value(field, at)) return std::nullopt;
  field.whole = message_.substr(at_, at - at_);
  at_ = at;
  ok_ = true;
  return field;
}

}  // namespace millrace::pipeline
