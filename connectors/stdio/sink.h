#pragma once

#include "connectors/contract/sink.h"

#include <memory>

namespace millrace::connectors {

/// Makes a sink that writes each value as a line to a file descriptor. Keys, headers and timestamps
/// are not written.
///
/// A verdict means that the system has taken the bytes. write() takes until 1 MiB is waiting, then
/// says `full`. The descriptor is not closed. Errors: invalid_input NEWLINE_IN_VALUE for a record;
/// local_io PIPE_CLOSED when the reader has gone, WRITE_FAILED when the disk is full; both end the
/// worker. SIGPIPE must be ignored.
std::unique_ptr<Sink> make_stdio_sink(int descriptor = 1);

}  // namespace millrace::connectors
