#pragma once

#include "connectors/contract/sink.h"
#include "connectors/file/options.h"

#include <memory>

namespace millrace::connectors {

/// Makes a sink that writes each value as a line of a file. Keys, headers and timestamps are not
/// written.
///
/// A verdict means that the line is on the disk (fsync). Lines are synced together: at 4 MiB, after
/// 200 ms, or at flush(). Packed files get a member for each sync, so that what was acknowledged
/// can be read after a crash. A null value is an empty line. After a failed write nothing is
/// acknowledged any more. Errors of open(): WRITE_FAILED (local_io), FILE_EXISTS
/// (invalid_input). Of a record: NEWLINE_IN_VALUE (invalid_input).
std::unique_ptr<Sink> make_file_sink(FileSinkOptions options);

}  // namespace millrace::connectors
