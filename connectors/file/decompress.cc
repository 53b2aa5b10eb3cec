#include "connectors/file/decompress.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

namespace millrace::connectors {
namespace {

constexpr std::size_t kInputBytes = std::size_t{256} * 1024;

/// The bytes of a file in pieces.
class Input {
 public:
  static Result<Input> open(const std::filesystem::path& path) {
    Input input;
    input.path_ = path.string();
    input.file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (input.file_ < 0) {
      const int problem = errno;
      return error(problem == ENOENT ? Errc::not_found : Errc::local_io,
                   problem == ENOENT ? "NO_FILE" : "READ_FAILED",
                   fmt::format("{}: {}", input.path_, std::system_category().message(problem)));
    }
    input.opened_ = input.state();
    input.buffer_.resize(kInputBytes);
    return input;
  }

  Input() = default;

  Input(Input&& other) noexcept { *this = std::move(other); }

  Input& operator=(Input&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(file_, other.file_);
    std::swap(opened_, other.opened_);
    std::swap(buffer_, other.buffer_);
    std::swap(begin_, other.begin_);
    std::swap(end_, other.end_);
    std::swap(consumed_, other.consumed_);
    return *this;
  }

  ~Input() {
    if (file_ >= 0) ::close(file_);
  }

  /// Reads on if nothing is left; returns what is there, empty at the end.
  Result<std::string_view> look() {
    if (begin_ < end_) return std::string_view(buffer_).substr(begin_, end_ - begin_);
    ssize_t size = 0;
    do {
      size = ::read(file_, buffer_.data(), buffer_.size());
    } while (size < 0 && errno == EINTR);
    if (size < 0)
      return error(Errc::local_io,
                   "READ_FAILED",
                   fmt::format("{}: {}", path_, std::system_category().message(errno)));
    begin_ = 0;
    end_ = static_cast<std::size_t>(size);
    if (size == 0 && !unchanged()) {
      return error(Errc::guarantee_broken,
                   "ARCHIVE_CHANGED",
                   fmt::format("{}: the file was written to while it was read; read it again when "
                               "it is complete",
                               path_));
    }
    return std::string_view(buffer_).substr(0, end_);
  }

  void take(std::size_t bytes) {
    begin_ += bytes;
    consumed_ += bytes;
  }

  std::uint64_t consumed() const { return consumed_; }

  const std::string& path() const { return path_; }

 private:
  /// What tells one content of a regular file from another. Nothing: pipes and devices have none.
  struct State {
    off_t size = 0;
    timespec written{};
  };

  std::optional<State> state() const {
    struct stat status {};

    if (fstat(file_, &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
    return State{status.st_size, status.st_mtim};
  }

  bool unchanged() const {
    const auto now = state();
    if (!opened_ || !now) return true;
    return now->size == opened_->size && now->written.tv_sec == opened_->written.tv_sec &&
           now->written.tv_nsec == opened_->written.tv_nsec;
  }

  std::string path_;
  int file_ = -1;
  std::optional<State> opened_;
  std::string buffer_;
  std::size_t begin_ = 0, end_ = 0;
  std::uint64_t consumed_ = 0;
};

Error damaged(const std::string& path, std::string_view what) {
  return error(Errc::local_io,
               "BAD_ARCHIVE",
               fmt::format("{}: {}; the lines before it were read", path, what));
}

class PlainReader final : public FileReader {
 public:
  explicit PlainReader(Input input) : input_(std::move(input)) {}

  Result<std::size_t> read(std::span<char> room) override {
    auto bytes = input_.look();
    if (!bytes) return std::move(bytes).error();
    const std::size_t size = std::min(room.size(), bytes->size());
    bytes->copy(room.data(), size);
    input_.take(size);
    return size;
  }

  std::uint64_t consumed() const override { return input_.consumed(); }

 private:
  Input input_;
};

class GzipReader final : public FileReader {
 public:
  explicit GzipReader(Input input) : input_(std::move(input)) { inflateInit2(&stream_, 15 + 16); }

  ~GzipReader() override { inflateEnd(&stream_); }

  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  Result<std::size_t> read(std::span<char> room) override {
    while (true) {
      auto bytes = input_.look();
      if (!bytes) return std::move(bytes).error();
      if (bytes->empty() && !inside_) return std::size_t{0};
      if (!inside_) inflateReset(&stream_);
      inside_ = true;
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes->data()));
      stream_.avail_in = static_cast<uInt>(bytes->size());
      stream_.next_out = reinterpret_cast<Bytef*>(room.data());
      stream_.avail_out = static_cast<uInt>(std::min<std::size_t>(room.size(), 1U << 30U));
      const uInt offered = stream_.avail_out;
      const int code = inflate(&stream_, Z_NO_FLUSH);
      input_.take(bytes->size() - stream_.avail_in);
      if (code == Z_STREAM_END) {
        inside_ = false;
      } else if (code != Z_OK && code != Z_BUF_ERROR) {
        return damaged(input_.path(), stream_.msg == nullptr ? "it is not gzip" : stream_.msg);
      }
      if (offered != stream_.avail_out)
        return static_cast<std::size_t>(offered - stream_.avail_out);
      // Only now: zlib may have held output back although the input had ended.
      if (bytes->empty() && inside_) return damaged(input_.path(), "the gzip member is cut off");
    }
  }

  std::uint64_t consumed() const override { return input_.consumed(); }

 private:
  Input input_;
  z_stream stream_{};
  bool inside_ = false;
};

class ZstdReader final : public FileReader {
 public:
  explicit ZstdReader(Input input) : input_(std::move(input)), context_(ZSTD_createDCtx()) {}

  ~ZstdReader() override { ZSTD_freeDCtx(context_); }

  ZstdReader(const ZstdReader&) = delete;
  ZstdReader& operator=(const ZstdReader&) = delete;

  Result<std::size_t> read(std::span<char> room) override {
    while (true) {
      auto bytes = input_.look();
      if (!bytes) return std::move(bytes).error();
      // Output may be left inside although the input has ended.
      ZSTD_inBuffer in{bytes->data(), bytes->size(), 0};
      ZSTD_outBuffer out{room.data(), room.size(), 0};
      if (bytes->empty() && !inside_) return std::size_t{0};
      const std::size_t code = ZSTD_decompressStream(context_, &out, &in);
      if (ZSTD_isError(code) != 0) return damaged(input_.path(), ZSTD_getErrorName(code));
      input_.take(in.pos);
      inside_ = code != 0;
      if (out.pos > 0) return out.pos;
      if (bytes->empty() && inside_) return damaged(input_.path(), "the zstd frame is cut off");
    }
  }

  std::uint64_t consumed() const override { return input_.consumed(); }

 private:
  Input input_;
  ZSTD_DCtx* context_;
  bool inside_ = false;
};

}  // namespace

Packing packing_of(std::string_view first_bytes) {
  if (first_bytes.starts_with("\x1f\x8b")) return Packing::gzip;
  if (first_bytes.starts_with("\x28\xb5\x2f\xfd")) return Packing::zstd;
  return Packing::none;
}

Result<std::unique_ptr<FileReader>> FileReader::open(const std::filesystem::path& path) {
  auto input = Input::open(path);
  if (!input) return std::move(input).error();
  const auto first = input->look();
  if (!first) return first.error();
  switch (packing_of(*first)) {
    case Packing::gzip:
      return std::unique_ptr<FileReader>(std::make_unique<GzipReader>(*std::move(input)));
    case Packing::zstd:
      return std::unique_ptr<FileReader>(std::make_unique<ZstdReader>(*std::move(input)));
    case Packing::none:
      break;
  }
  return std::unique_ptr<FileReader>(std::make_unique<PlainReader>(*std::move(input)));
}

}  // namespace millrace::connectors
