#include "connectors/stdio/source.h"

#include "connectors/contract/lines.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

namespace millrace::connectors {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kName = "stdin";

class StdioSource final : public Source {
 public:
  explicit StdioSource(int descriptor) : descriptor_(descriptor) {}

  Result<void> open() override {
    lease_ = new_lease();
    return {};
  }

  Result<Polled> poll(milliseconds wait, std::size_t max_records) override {
    Polled polled;
    if (!announced_) {
      announced_ = true;
      polled.events.emplace_back(Assigned{lease_, kName, 0, 0, {}});
    }
    if (paused_) {
      ::poll(nullptr, 0, static_cast<int>(wait.count()));
      return polled;
    }
    auto taken = take_some(wait, max_records, polled);
    if (!taken) fault_ = std::move(taken).error();
    // What was read before a fault is handed out first.
    if (fault_ && polled.records.empty() && polled.events.empty()) return *fault_;
    polled.exhausted = !fault_ && ended_ && drained_;
    return polled;
  }

  void pause(std::span<const LeaseId> leases) override { set_paused(leases, true); }

  void resume(std::span<const LeaseId> leases) override { set_paused(leases, false); }

  Result<void> commit(std::span<const Position>) override { return {}; }

  Result<void> release(std::span<const LeaseId>, std::span<const Position>) override { return {}; }

  Result<void> close(std::span<const Position>, milliseconds) override { return {}; }

  SourceProgress progress() const override {
    SourceProgress progress;
    if (announced_)
      progress.partitions.push_back({std::string(kName), 0, lease_, lines_.line(), -1});
    return progress;
  }

  bool keeps_positions() const override { return false; }

 private:
  void set_paused(std::span<const LeaseId> leases, bool paused) {
    if (std::find(leases.begin(), leases.end(), lease_) != leases.end()) paused_ = paused;
  }

  Result<void> take_some(milliseconds wait, std::size_t max_records, Polled& polled) {
    if (fault_) return *fault_;
    if (auto taken = take_lines(max_records, polled.records); !taken) return taken;
    while (polled.records.empty() && !ended_) {
      // Only the first look waits; what is there already is taken without.
      auto more = read_some(polled.events.empty() ? wait : milliseconds(0));
      if (!more) return std::move(more).error();
      if (!*more) break;
      wait = milliseconds(0);
      if (auto taken = take_lines(max_records, polled.records); !taken) return taken;
    }
    return {};
  }

  Result<void> take_lines(std::size_t max_records, std::vector<Record>& records) {
    while (records.size() < max_records) {
      const std::int64_t number = lines_.line();
      auto line = lines_.next();
      if (!line) return std::move(line).error();
      if (!*line) {
        drained_ = ended_;
        return {};
      }
      Record record;
      record.origin = {kName, 0, number, lease_};
      record.value = *std::move(*line);
      record.size_bytes = record.value.size();
      records.push_back(std::move(record));
    }
    return {};
  }

  /// Returns false if nothing came within the wait.
  Result<bool> read_some(milliseconds wait) {
    pollfd ready{descriptor_, POLLIN, 0};
    const int count = ::poll(&ready, 1, static_cast<int>(wait.count()));
    if (count == 0 || (count < 0 && errno == EINTR)) return false;
    const auto room = lines_.room();
    const ssize_t size = ::read(descriptor_, room.data(), room.size());
    if (size < 0) {
      if (errno == EINTR || errno == EAGAIN) return false;
      return error(Errc::local_io,
                   "READ_FAILED",
                   fmt::format("{}: {}", kName, std::system_category().message(errno)));
    }
    if (size == 0) {
      ended_ = true;
      lines_.finish();
      return true;
    }
    lines_.filled(static_cast<std::size_t>(size));
    return true;
  }

  int descriptor_;
  LeaseId lease_ = 0;
  LineSplitter lines_;
  bool announced_ = false;
  bool paused_ = false;
  bool ended_ = false;    // no more bytes come
  bool drained_ = false;  // and all lines were handed out
  std::optional<Error> fault_;
};

}  // namespace

std::unique_ptr<Source> make_stdio_source(int descriptor) {
  return std::make_unique<StdioSource>(descriptor);
}

}  // namespace millrace::connectors
