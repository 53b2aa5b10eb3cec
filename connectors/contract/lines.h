#pragma once

#include "config/base/bytes.h"
#include "config/base/limits.h"
#include "config/base/result.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace millrace::connectors {

/// Cuts a stream of bytes into lines, for the sources that read lines (files, stdin).
///
/// Lines are views of shared chunks, so a line that was read is never copied; it keeps its chunk
/// (256 KiB, more for long lines) alive. A line ends with "\n" or "\r\n"; the last one needs no
/// end. An empty line is a line.
///
///   while (more) { splitter.filled(read_into(splitter.room())); while (auto line =
///   *splitter.next()) … }
class LineSplitter {
 public:
  /// max_line_bytes: the longest line that is let through, without its end.
  explicit LineSplitter(std::size_t max_line_bytes = config::kMaxRecordValueBytes)
      : max_line_bytes_(max_line_bytes) {}

  /// Returns where to put the next bytes; never empty. Call it after next() has given nothing.
  std::span<char> room();

  /// Says how many bytes were put into room().
  void filled(std::size_t size_bytes) { end_ += size_bytes; }

  /// Says that no more bytes will come, so that what is left is the last line.
  void finish() { finished_ = true; }

  /// Returns the next complete line, or nothing until more bytes come.
  ///
  /// Error: LINE_TOO_LONG (local_io) with the number of the line. Nothing can be read behind it.
  Result<std::optional<Bytes>> next();

  /// The number of the next line, from 0.
  std::int64_t line() const { return line_; }

 private:
  Bytes take(std::size_t length, std::size_t end_length);

  std::size_t max_line_bytes_;
  std::shared_ptr<char[]> chunk_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;    // of the line being read
  std::size_t scanned_ = 0;  // no line end stands before this
  std::size_t end_ = 0;      // of the bytes read
  std::int64_t line_ = 0;
  bool finished_ = false;
};

}  // namespace millrace::connectors
