#pragma once

#include "connectors/contract/source.h"

#include <memory>

namespace millrace::connectors {

/// Makes a source that reads a file descriptor line by line; the value of a record is its line, its
/// offset the line's number from 0.
///
/// Bounded: exhausted at the end of the input. It cannot be read again, so positions are not kept.
/// Pipes, files and terminals all do. The descriptor is not closed. Errors of poll(), after
/// the lines before it were handed out: local_io READ_FAILED, LINE_TOO_LONG.
std::unique_ptr<Source> make_stdio_source(int descriptor = 0);

}  // namespace millrace::connectors
