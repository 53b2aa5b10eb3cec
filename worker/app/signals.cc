#include "worker/app/signals.h"

#include <csignal>
#include <ctime>

#include <pthread.h>

namespace millrace::worker {
namespace {

sigset_t stop_set() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

StopSignals::StopSignals() {
  const sigset_t set = stop_set();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

bool StopSignals::wait(std::chrono::milliseconds longest) const {
  const sigset_t set = stop_set();
  timespec timeout{};
  timeout.tv_sec = longest.count() / 1000;
  timeout.tv_nsec = static_cast<long>(longest.count() % 1000) * 1'000'000;
  return sigtimedwait(&set, nullptr, &timeout) > 0;
}

}  // namespace millrace::worker
