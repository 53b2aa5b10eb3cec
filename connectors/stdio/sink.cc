#include "connectors/stdio/sink.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

namespace millrace::connectors {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kMaxWaiting = std::size_t{1} << 20U;
/// A pipe that is ready takes at least so much without blocking.
constexpr std::size_t kPieceBytes = 4096;

class StdioSink final : public Sink {
 public:
  explicit StdioSink(int descriptor) : descriptor_(descriptor) {}

  Result<void> open() override { return {}; }

  Result<Accepted> write(OutRecord& record, std::uint64_t opaque) override {
    if (buffer_.size() - written_ >= kMaxWaiting) return Accepted::full;
    const std::string_view value = record.value.view();
    if (value.find('\n') != std::string_view::npos) {
      return error(Errc::invalid_input,
                   "NEWLINE_IN_VALUE",
                   "the value holds a line break and cannot be one line; encode it as json");
    }
    buffer_.append(value).push_back('\n');
    total_ += value.size() + 1;
    waiting_.push_back({opaque, total_});
    return Accepted::yes;
  }

  Result<void> poll(milliseconds wait, std::vector<Verdict>& verdicts) override {
    if (auto pushed = push(steady_clock::now() + wait); !pushed) return pushed;
    while (!waiting_.empty() && waiting_.front().end <= total_written_) {
      verdicts.push_back({waiting_.front().opaque, std::nullopt});
      waiting_.pop_front();
    }
    return {};
  }

  Result<void> flush() override { return {}; }

  Result<void> close(milliseconds deadline) override {
    return push(steady_clock::now() + deadline);
  }

  std::size_t outstanding() const override { return waiting_.size(); }

 private:
  struct Waiting {
    std::uint64_t opaque = 0;
    std::uint64_t end = 0;  // bytes of the stream up to the end of the line
  };

  /// Writes what the reader takes. A slow reader is waited for until the deadline, at least looked
  /// at once.
  Result<void> push(steady_clock::time_point deadline) {
    while (written_ < buffer_.size()) {
      pollfd ready{descriptor_, POLLOUT, 0};
      const auto left = std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now());
      const int count =
          ::poll(&ready, 1, static_cast<int>(std::max<milliseconds::rep>(0, left.count())));
      if (count == 0 || (count < 0 && errno == EINTR)) return {};
      const std::size_t size = std::min(kPieceBytes, buffer_.size() - written_);
      const ssize_t taken = ::write(descriptor_, buffer_.data() + written_, size);
      if (taken < 0) {
        if (errno == EINTR || errno == EAGAIN) continue;
        if (errno == EPIPE)
          return error(Errc::local_io, "PIPE_CLOSED", "stdout: the reader has gone");
        return error(Errc::local_io,
                     "WRITE_FAILED",
                     fmt::format("stdout: {}", std::system_category().message(errno)));
      }
      written_ += static_cast<std::size_t>(taken);
      total_written_ += static_cast<std::uint64_t>(taken);
      // A reader that is always behind must not make the buffer grow.
      if (written_ >= kMaxWaiting) buffer_.erase(0, std::exchange(written_, 0));
    }
    buffer_.clear();
    written_ = 0;
    return {};
  }

  int descriptor_;
  std::string buffer_;
  std::size_t written_ = 0;  // of the buffer
  std::uint64_t total_ = 0;  // bytes taken and bytes written since the beginning
  std::uint64_t total_written_ = 0;
  std::deque<Waiting> waiting_;
};

}  // namespace

std::unique_ptr<Sink> make_stdio_sink(int descriptor) {
  return std::make_unique<StdioSink>(descriptor);
}

}  // namespace millrace::connectors
