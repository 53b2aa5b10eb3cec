#pragma once

#include "connectors/contract/source.h"
#include "connectors/file/options.h"

#include <memory>

namespace millrace::connectors {

/// Makes a source that reads files of lines. Each file is a partition 0 of a topic of its name;
/// offsets are line numbers from 0.
///
/// Bounded. A restart begins anew, so positions are not kept. The files are chosen at open(): by
/// name within a folder or pattern, else in the order written. Errors of open(): NO_FILE
/// (not_found), READ_FAILED (local_io) for a folder. Of poll(), after the lines before it were
/// handed out: those of FileReader, and LINE_TOO_LONG.
std::unique_ptr<Source> make_file_source(FileSourceOptions options);

}  // namespace millrace::connectors
