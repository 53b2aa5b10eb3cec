#include "bench/process_figures.h"

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

#include <unistd.h>

namespace millrace::bench {
namespace {

double status_mib(pid_t pid, const std::string& field) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(field + ":", 0) == 0) return std::stod(line.substr(field.size() + 1)) / 1024.0;
  }
  throw std::runtime_error("no " + field + " of process " + std::to_string(pid));
}

}  // namespace

double cpu_seconds(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(file, text)) throw std::runtime_error("no process " + std::to_string(pid));
  // The name in parentheses may hold anything; user and system time are the 12th and 13th word
  // behind it.
  std::istringstream words(text.substr(text.rfind(')') + 1));
  std::string word;
  for (int i = 0; i < 11; ++i) words >> word;
  double user = 0;
  double system = 0;
  words >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double resident_mib(pid_t pid) { return status_mib(pid, "VmRSS"); }

double anonymous_mib(pid_t pid) { return status_mib(pid, "RssAnon"); }

}  // namespace millrace::bench
