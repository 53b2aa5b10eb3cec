#include "tests/support/worker_process.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace millrace::tests {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kTick{5};

struct Argv {
  explicit Argv(const std::vector<std::string>& texts) : texts(texts) {
    for (std::string& text : this->texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
  }

  std::vector<std::string> texts;
  std::vector<char*> pointers;
};

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& extra) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (extra.count(text.substr(0, text.find('='))) == 0) all.push_back(text);
  }
  for (const auto& [name, value] : extra) all.push_back(name + "=" + value);
  return all;
}

pid_t spawn(const std::vector<std::string>& arguments,
            const std::map<std::string, std::string>& environment,
            int in,
            int out,
            int err) {
  std::vector<std::string> words{millrace_binary().string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  Argv argv(words);
  Argv env(merged_environment(environment));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in, 0);
  posix_spawn_file_actions_adddup2(&actions, out, 1);
  posix_spawn_file_actions_adddup2(&actions, err, 2);
  pid_t pid = -1;
  const int failed = posix_spawn(
      &pid, words[0].c_str(), &actions, nullptr, argv.pointers.data(), env.pointers.data());
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) throw std::runtime_error("cannot start " + words[0]);
  return pid;
}

int code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status); }

}  // namespace

std::filesystem::path millrace_binary() {
  return std::filesystem::path(MILLRACE_BUILD_DIR) / "millrace";
}

WorkerProcess::WorkerProcess(std::vector<std::string> arguments,
                             const std::map<std::string, std::string>& environment,
                             std::filesystem::path log_file)
    : log_file_(std::move(log_file)) {
  const int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int log = open(log_file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  pid_ = spawn(arguments, environment, in, log, log);
  close(in);
  close(log);
}

WorkerProcess::~WorkerProcess() {
  if (!running()) return;
  signal(SIGKILL);
  wait(std::chrono::seconds(10));
}

bool WorkerProcess::running() {
  if (code_) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return true;
  code_ = code_of(status);
  return false;
}

void WorkerProcess::signal(int number) const {
  if (!code_) kill(pid_, number);
}

std::optional<int> WorkerProcess::wait(milliseconds deadline) {
  const auto until = steady_clock::now() + deadline;
  while (running()) {
    if (steady_clock::now() >= until) return std::nullopt;
    poll(nullptr, 0, static_cast<int>(kTick.count()));
  }
  return code_;
}

std::string WorkerProcess::log() const { return read_file(log_file_); }

Finished run_millrace(const std::vector<std::string>& arguments,
                      const std::string& input,
                      const std::map<std::string, std::string>& environment,
                      milliseconds deadline) {
  const TemporaryFolder folder;
  const auto in_file = folder.path() / "in";
  const auto out_file = folder.path() / "out";
  const auto err_file = folder.path() / "err";
  write_file(in_file, input);
  const int in = open(in_file.c_str(), O_RDONLY | O_CLOEXEC);
  const int out = open(out_file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  const int err = open(err_file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  const pid_t pid = spawn(arguments, environment, in, out, err);
  close(in);
  close(out);
  close(err);
  const auto until = steady_clock::now() + deadline;
  int status = 0;
  while (waitpid(pid, &status, WNOHANG) != pid) {
    if (steady_clock::now() >= until) kill(pid, SIGKILL);
    poll(nullptr, 0, static_cast<int>(kTick.count()));
  }
  return Finished{code_of(status), read_file(out_file), read_file(err_file)};
}

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "millrace-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_file(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace millrace::tests
