#include "worker/app/progress.h"

#include <cstdio>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace millrace::worker {
namespace {

constexpr std::size_t kBarCells = 24;

std::string with_unit(double value) {
  if (value >= 1e6) return fmt::format("{:.1f} M", value / 1e6);
  if (value >= 1e4) return fmt::format("{:.1f} k", value / 1e3);
  return fmt::format("{:.0f}", value);
}

std::string bar(double share) {
  const auto full = static_cast<std::size_t>(share * static_cast<double>(kBarCells));
  std::string cells;
  for (std::size_t i = 0; i < kBarCells; ++i) cells += i < full ? "█" : " ";
  return "▕" + cells + "▏";
}

std::string time_left(const Snapshot& snapshot, double share) {
  if (share <= 0.001 || snapshot.uptime.count() < 500) return "ETA …";
  const double elapsed = static_cast<double>(snapshot.uptime.count()) / 1000.0;
  const auto left = static_cast<long>(elapsed * (1.0 - share) / share);
  return left >= 60 ? fmt::format("ETA {}m{:02}s", left / 60, left % 60)
                    : fmt::format("ETA {}s", left);
}

std::string cut(std::string text, std::size_t columns) {
  std::size_t seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool starts = (static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U;
    if (starts && seen++ == columns) return text.substr(0, i);
  }
  return text;
}

}  // namespace

std::string progress_line(const Snapshot& snapshot, std::size_t width) {
  const auto& ledger = snapshot.ledger;
  const std::uint64_t done =
      ledger.published + ledger.filtered + ledger.dead_lettered + ledger.already_done;
  std::string line = snapshot.worker + "  ";
  if (snapshot.bytes_total && *snapshot.bytes_total > 0) {
    const double read = std::min(1.0,
                                 static_cast<double>(snapshot.bytes_read.value_or(0)) /
                                     static_cast<double>(*snapshot.bytes_total));
    // What has been read and not finished does not count as done.
    const double share = ledger.received == 0 ? 0.0
                                              : read * static_cast<double>(done) /
                                                    static_cast<double>(ledger.received);
    line += fmt::format("{} {:3.0f} %  {}", bar(share), share * 100.0, time_left(snapshot, share));
    line += "  ";
  }
  line += fmt::format("{} records  {} records/s  in flight {}  dead {}",
                      with_unit(static_cast<double>(done)),
                      with_unit(snapshot.records_per_second),
                      ledger.in_flight,
                      ledger.dead_lettered);
  return cut(std::move(line), width);
}

ProgressBar::ProgressBar() : visible_(isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() { finish(); }

void ProgressBar::show(const Snapshot& snapshot) {
  if (!visible_) return;
  winsize size{};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
  const std::string line = progress_line(snapshot, known ? size.ws_col - 1U : 79U);
  std::fprintf(stderr, "\r\x1b[K%s", line.c_str());
  std::fflush(stderr);
  drawn_ = true;
}

void ProgressBar::finish() {
  if (!drawn_) return;
  std::fputc('\n', stderr);
  drawn_ = false;
}

}  // namespace millrace::worker
