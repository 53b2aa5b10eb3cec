#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace millrace::tests {

/// Returns the `millrace` binary of this build.
std::filesystem::path millrace_binary();

struct Finished {
  int exit_code = -1;  // −signal if it was killed
  std::string out;
  std::string err;
};

/// A millrace process of its own, as an operator runs it. Killed when this object goes.
class WorkerProcess {
 public:
  /// Starts the binary with these arguments; `environment` is added to ours.
  WorkerProcess(std::vector<std::string> arguments,
                const std::map<std::string, std::string>& environment,
                std::filesystem::path log_file);
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  pid_t pid() const { return pid_; }

  bool running();
  void signal(int number) const;

  /// Returns the exit code (−signal if killed), nothing if it is still running after the deadline.
  std::optional<int> wait(std::chrono::milliseconds deadline);

  /// Returns what it has written on stdout and stderr.
  std::string log() const;

 private:
  pid_t pid_ = -1;
  std::optional<int> code_;
  std::filesystem::path log_file_;
};

/// Runs the binary to its end with `input` on stdin.
Finished run_millrace(const std::vector<std::string>& arguments,
                      const std::string& input = {},
                      const std::map<std::string, std::string>& environment = {},
                      std::chrono::milliseconds deadline = std::chrono::minutes(2));

/// A folder that is removed with its content when this object goes.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string read_file(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, const std::string& text);

/// Returns the value of an environment variable, empty if unset.
std::string environment(const char* name);

}  // namespace millrace::tests
