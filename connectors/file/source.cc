#include "connectors/file/source.h"

#include "connectors/contract/lines.h"
#include "connectors/file/decompress.h"

#include <algorithm>
#include <deque>
#include <set>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <fnmatch.h>
#include <poll.h>

namespace millrace::connectors {
namespace {

using std::chrono::milliseconds;
namespace fs = std::filesystem;

bool is_pattern(const std::string& name) { return name.find_first_of("*?[") != std::string::npos; }

/// Returns the files of a folder whose names fit, sorted. Hidden ones fit only when they are asked
/// for.
Result<std::vector<fs::path>> files_in(const fs::path& folder, const std::string& pattern) {
  std::error_code problem;
  std::set<fs::path> found;
  for (fs::directory_iterator entry(folder, problem); !problem && entry != fs::directory_iterator();
       entry.increment(problem)) {
    std::error_code unknown;
    const std::string name = entry->path().filename().string();
    if (fnmatch(pattern.c_str(), name.c_str(), FNM_PERIOD) == 0 && entry->is_regular_file(unknown))
      found.insert(entry->path());
  }
  if (problem) {
    const bool absent = problem == std::errc::no_such_file_or_directory;
    return error(
        absent ? Errc::not_found : Errc::local_io,
        absent ? "NO_FILE" : "READ_FAILED",
        fmt::format("{}: the folder cannot be read: {}", folder.string(), problem.message()));
  }
  if (found.empty()) {
    return error(
        Errc::not_found,
        "NO_FILE",
        fmt::format("{}: no file of the folder has a name like {}", folder.string(), pattern));
  }
  return std::vector<fs::path>(found.begin(), found.end());
}

/// Returns the files that a path of the configuration stands for; a file of that very name comes
/// before a pattern.
Result<std::vector<fs::path>> expand(const std::string& text) {
  const fs::path path(text);
  std::error_code problem;
  const fs::file_status status = fs::status(path, problem);
  if (fs::is_directory(status)) return files_in(path, "*");
  if (fs::exists(status)) return std::vector<fs::path>{path};
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  if (is_pattern(folder.string()))
    return error(
        Errc::not_found,
        "NO_FILE",
        fmt::format("{}: a pattern may stand in the last part of a path only; list the folders",
                    text));
  if (is_pattern(path.filename().string())) return files_in(folder, path.filename().string());
  return error(Errc::not_found, "NO_FILE", fmt::format("{}: no file is there", text));
}

class FileSource final : public Source {
 public:
  explicit FileSource(FileSourceOptions options) : options_(std::move(options)) {}

  Result<void> open() override {
    for (const std::string& text : options_.path) {
      auto files = expand(text);
      if (!files) return std::move(files).error();
      for (const fs::path& path : *files) {
        std::error_code problem;
        const auto size = fs::file_size(path, problem);
        bytes_total_ += problem ? 0 : size;
        files_.push_back({path.string(), new_lease(), 0, Reading::not_yet});
      }
    }
    return {};
  }

  Result<Polled> poll(milliseconds wait, std::size_t max_records) override {
    Polled polled;
    if (current_ < files_.size() && paused_.count(files_[current_].lease) != 0) {
      ::poll(nullptr, 0, static_cast<int>(wait.count()));
      return polled;
    }
    while (!fault_ && current_ < files_.size() && polled.records.size() < max_records) {
      auto more = read_on(files_[current_], max_records, polled);
      if (!more) {
        fault_ = std::move(more).error();
      } else if (!*more) {
        finish(files_[current_]);
      }
    }
    // What was read before a fault is handed out first.
    if (fault_ && polled.records.empty() && polled.events.empty()) return *fault_;
    polled.exhausted = !fault_ && current_ == files_.size();
    return polled;
  }

  void pause(std::span<const LeaseId> leases) override {
    paused_.insert(leases.begin(), leases.end());
  }

  void resume(std::span<const LeaseId> leases) override {
    for (const LeaseId lease : leases) paused_.erase(lease);
  }

  Result<void> commit(std::span<const Position>) override { return {}; }

  Result<void> release(std::span<const LeaseId>, std::span<const Position>) override { return {}; }

  Result<void> close(std::span<const Position>, milliseconds) override { return {}; }

  SourceProgress progress() const override {
    SourceProgress progress;
    for (const File& file : files_) {
      if (file.reading == Reading::not_yet) continue;
      const bool done = file.reading == Reading::done;
      const std::int64_t position = done ? file.lines : lines_.line();
      progress.partitions.push_back({file.name, 0, file.lease, position, done ? position : -1});
    }
    progress.bytes_read = bytes_done_ + (reader_ == nullptr ? 0 : reader_->consumed());
    progress.bytes_total = bytes_total_;
    return progress;
  }

  bool keeps_positions() const override { return false; }

 private:
  enum class Reading : std::uint8_t { not_yet, now, done };

  struct File {
    std::string name;
    LeaseId lease = 0;
    std::int64_t lines = 0;  // when it is done
    Reading reading = Reading::not_yet;
  };

  /// Takes lines of a file up to the number wanted. False: it has no more.
  Result<bool> read_on(File& file, std::size_t max_records, Polled& polled) {
    if (file.reading == Reading::not_yet) {
      auto reader = FileReader::open(file.name);
      if (!reader) return std::move(reader).error();
      reader_ = *std::move(reader);
      lines_ = LineSplitter();
      ended_ = false;
      file.reading = Reading::now;
      polled.events.emplace_back(Assigned{file.lease, file.name, 0, 0, {}});
    }
    while (polled.records.size() < max_records) {
      const std::int64_t number = lines_.line();
      auto line = lines_.next();
      if (!line) {
        Error problem = std::move(line).error();
        problem.message = fmt::format("{}: {}", file.name, problem.message);
        return problem;
      }
      if (*line) {
        Record record;
        record.origin = {file.name, 0, number, file.lease};
        record.value = *std::move(*line);
        record.size_bytes = record.value.size();
        polled.records.push_back(std::move(record));
        continue;
      }
      if (ended_) return false;
      auto size = reader_->read(lines_.room());
      if (!size) return std::move(size).error();
      if (*size == 0) {
        ended_ = true;
        lines_.finish();
      } else {
        lines_.filled(*size);
      }
    }
    return true;
  }

  /// Leaves a file whose lines have all been handed out; nothing of it stays in memory but what its
  /// records hold.
  void finish(File& file) {
    file.reading = Reading::done;
    file.lines = lines_.line();
    lines_ = LineSplitter();
    bytes_done_ += reader_->consumed();
    reader_.reset();
    ++current_;
  }

  FileSourceOptions options_;
  std::deque<File> files_;  // names are viewed by records
  std::size_t current_ = 0;
  // Of the current file.
  std::unique_ptr<FileReader> reader_;
  LineSplitter lines_;
  bool ended_ = false;  // its last byte was read

  std::set<LeaseId> paused_;
  std::optional<Error> fault_;
  std::uint64_t bytes_total_ = 0;
  std::uint64_t bytes_done_ = 0;
};

}  // namespace

std::unique_ptr<Source> make_file_source(FileSourceOptions options) {
  return std::make_unique<FileSource>(std::move(options));
}

}  // namespace millrace::connectors
