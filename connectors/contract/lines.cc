#include "connectors/contract/lines.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace millrace::connectors {
namespace {

constexpr std::size_t kChunkBytes = 256 * config::kKiB;

}  // namespace

std::span<char> LineSplitter::room() {
  const std::size_t pending = end_ - begin_;
  if (end_ < capacity_) return {chunk_.get() + end_, capacity_ - end_};
  // Doubling keeps the copying of a long line linear in its length.
  const std::size_t capacity = std::max(kChunkBytes, 2 * pending);
  std::shared_ptr<char[]> chunk(new char[capacity]);
  if (pending > 0) std::memcpy(chunk.get(), chunk_.get() + begin_, pending);
  chunk_ = std::move(chunk);
  capacity_ = capacity;
  scanned_ -= begin_;
  begin_ = 0;
  end_ = pending;
  return {chunk_.get() + end_, capacity_ - end_};
}

Result<std::optional<Bytes>> LineSplitter::next() {
  if (begin_ == end_) return std::optional<Bytes>();
  const char* bytes = chunk_.get();
  const void* found = std::memchr(bytes + scanned_, '\n', end_ - scanned_);
  const std::size_t stop =
      found == nullptr ? end_ : static_cast<std::size_t>(static_cast<const char*>(found) - bytes);
  scanned_ = stop;
  std::size_t length = stop - begin_;
  // A carriage return may still turn out to belong to the line end.
  const bool has_return = length > 0 && bytes[stop - 1] == '\r';
  if (length - (has_return ? 1 : 0) > max_line_bytes_) {
    return error(
        Errc::local_io,
        "LINE_TOO_LONG",
        fmt::format(
            "line {} is too long: expected at most {} bytes, found more; split it or remove it",
            line_ + 1,
            max_line_bytes_));
  }
  if (found == nullptr && !finished_) return std::optional<Bytes>();
  if (has_return && found != nullptr) --length;
  return std::optional<Bytes>(take(length, stop + (found == nullptr ? 0 : 1) - begin_));
}

Bytes LineSplitter::take(std::size_t length, std::size_t end_length) {
  Bytes line(std::string_view(chunk_.get() + begin_, length), chunk_);
  begin_ += end_length;
  scanned_ = begin_;
  ++line_;
  return line;
}

}  // namespace millrace::connectors
