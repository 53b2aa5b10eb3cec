#include "connectors/file/sink.h"

#include "connectors/file/compress.h"

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace millrace::connectors {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
namespace fs = std::filesystem;

constexpr std::size_t kSyncBytes = std::size_t{4} << 20U;
constexpr std::size_t kMaxWaiting = 2 * kSyncBytes;
constexpr milliseconds kSyncAfter{200};

class FileSink final : public Sink {
 public:
  explicit FileSink(FileSinkOptions options)
      : options_(std::move(options)),
        packing_(packing_of_name(options_.path)),
        packer_(Packer::make(packing_)) {}

  ~FileSink() override {
    if (file_ >= 0) ::close(file_);
  }

  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;

  Result<void> open() override {
    std::error_code problem;
    const fs::path path(options_.path);
    if (path.has_parent_path()) fs::create_directories(path.parent_path(), problem);
    const std::uintmax_t size = fs::file_size(path, problem);
    const bool there = !problem && size > 0;
    const bool refuses = options_.existing == Existing::refuse ||
                         (options_.existing == Existing::append && packing_ != Packing::none);
    if (there && refuses) {
      return error(
          Errc::invalid_input,
          "FILE_EXISTS",
          fmt::format(
              "{}: the file is there already{}; remove it, choose another, or say `existing: "
              "replace`",
              options_.path,
              options_.existing == Existing::append ? " and a packed one is not appended to" : ""));
    }
    const int mode = options_.existing == Existing::replace ? O_TRUNC : O_APPEND;
    file_ = ::open(options_.path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | mode, 0644);
    if (file_ < 0) return failed();
    sync_folder(path.has_parent_path() ? path.parent_path() : fs::path("."));
    return there && options_.existing == Existing::append ? end_torn_line() : Result<void>();
  }

  Result<Accepted> write(OutRecord& record, std::uint64_t opaque) override {
    if (lines_.size() >= kMaxWaiting) return Accepted::full;
    const std::string_view value = record.value.view();
    if (value.find('\n') != std::string_view::npos) {
      return error(Errc::invalid_input,
                   "NEWLINE_IN_VALUE",
                   "the value holds a line break and cannot be one line; encode it as json");
    }
    if (waiting_.empty()) sync_at_ = steady_clock::now() + kSyncAfter;
    lines_.append(value).push_back('\n');
    waiting_.push_back(opaque);
    return Accepted::yes;
  }

  Result<void> poll(milliseconds, std::vector<Verdict>& verdicts) override {
    if (fault_) return *fault_;
    if (waiting_.empty()) return {};
    if (!hurry_ && lines_.size() < kSyncBytes && steady_clock::now() < sync_at_) return {};
    if (auto synced = sync(); !synced) return synced;
    // From here on all waiting lines are on the disk.
    for (const std::uint64_t opaque : waiting_) verdicts.push_back({opaque, std::nullopt});
    waiting_.clear();
    return {};
  }

  Result<void> flush() override {
    hurry_ = true;
    return {};
  }

  Result<void> close(milliseconds) override {
    if (file_ < 0) return {};
    auto synced = fault_ ? Result<void>(*fault_) : sync();
    const bool closed = ::close(std::exchange(file_, -1)) == 0;
    if (synced && !closed) return failed();
    return synced;
  }

  std::size_t outstanding() const override { return waiting_.size(); }

 private:
  Result<void> failed() const {
    return error(Errc::local_io,
                 "WRITE_FAILED",
                 fmt::format("{}: {}", options_.path, std::system_category().message(errno)));
  }

  Result<void> write_all(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t taken = ::write(file_, bytes.data(), bytes.size());
      if (taken < 0 && errno == EINTR) continue;
      if (taken < 0) return failed();
      bytes.remove_prefix(static_cast<std::size_t>(taken));
    }
    return {};
  }

  /// A crash may have left half a line: the next one begins on its own.
  Result<void> end_torn_line() const {
    char last = '\n';
    const off_t end = ::lseek(file_, 0, SEEK_END);
    if (end <= 0 || ::pread(file_, &last, 1, end - 1) != 1 || last == '\n') return {};
    return write_all("\n");
  }

  /// Makes the name of a new file as durable as its lines. A folder that cannot be opened or synced
  /// is left to the system.
  static void sync_folder(const fs::path& folder) {
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return;
    ::fsync(descriptor);
    ::close(descriptor);
  }

  /// Writes and syncs. A failure is for good: a second fsync would succeed although the pages of
  /// the first are gone.
  Result<void> sync() {
    hurry_ = false;
    if (lines_.empty()) return {};
    std::string packed;
    packer_->pack(lines_, packed);
    lines_.clear();
    auto written = write_all(packed);
    // A pipe or device cannot be synced, which is no fault of it.
    if (written && ::fsync(file_) != 0 && errno != EINVAL && errno != EROFS) written = failed();
    if (!written) fault_ = written.error();
    return written;
  }

  FileSinkOptions options_;
  Packing packing_;
  std::unique_ptr<Packer> packer_;
  int file_ = -1;
  std::string lines_;
  std::vector<std::uint64_t> waiting_;
  steady_clock::time_point sync_at_;
  bool hurry_ = false;
  std::optional<Error> fault_;
};

}  // namespace

std::unique_ptr<Sink> make_file_sink(FileSinkOptions options) {
  return std::make_unique<FileSink>(std::move(options));
}

}  // namespace millrace::connectors
