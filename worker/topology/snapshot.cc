#include "worker/topology/snapshot.h"

namespace millrace::worker {

std::string_view name(RunState state) {
  switch (state) {
    case RunState::starting:
      return "starting";
    case RunState::running:
      return "running";
    case RunState::draining:
      return "draining";
    case RunState::done:
      return "done";
    case RunState::failed:
      return "failed";
  }
  return "unknown";
}

}  // namespace millrace::worker
