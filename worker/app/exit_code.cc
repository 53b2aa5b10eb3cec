#include "worker/app/exit_code.h"

#include <array>

namespace millrace::worker {
namespace {

constexpr std::array kTable = {
    ExitRow{ExitCode::done, "done, or drained in time", "leave it"},
    ExitRow{ExitCode::usage, "unknown verb or flag", "do not restart"},
    ExitRow{ExitCode::configuration, "configuration or model files", "do not restart"},
    ExitRow{ExitCode::unreachable, "broker unreachable", "restart with back-off"},
    ExitRow{ExitCode::guarantee_broken,
            "a guarantee can no longer be kept (offset out of range, `then: stop`)",
            "do not restart"},
    ExitRow{ExitCode::not_drained, "not drained in time", "restart with back-off"},
    ExitRow{ExitCode::fenced, "fenced: a twin holds this identity", "restart with back-off"},
    ExitRow{ExitCode::redo_spent, "redo budget spent", "restart with back-off"},
    ExitRow{ExitCode::device_lost, "device lost", "restart with back-off"},
    ExitRow{ExitCode::local_io, "local I/O: disk full, closed pipe", "restart with back-off"},
    ExitRow{ExitCode::denied, "denied: password, ACL, TLS", "do not restart"},
    ExitRow{ExitCode::bug, "a bug of Millrace", "restart with back-off, and report it"},
};

}  // namespace

std::span<const ExitRow> exit_table() { return kTable; }

ExitCode exit_for(const Error& error) {
  switch (error.kind) {
    case Errc::invalid_input:
    case Errc::unsupported:
    case Errc::not_found:
    case Errc::resource_exhausted:
      return ExitCode::configuration;
    case Errc::unavailable:
      return ExitCode::unreachable;
    case Errc::denied:
      return ExitCode::denied;
    case Errc::fenced:
      return ExitCode::fenced;
    case Errc::guarantee_broken:
      return ExitCode::guarantee_broken;
    case Errc::device_lost:
      return ExitCode::device_lost;
    case Errc::local_io:
      return ExitCode::local_io;
    case Errc::cancelled:
      return ExitCode::not_drained;
    case Errc::internal:
      return ExitCode::bug;
  }
  return ExitCode::bug;
}

}  // namespace millrace::worker
