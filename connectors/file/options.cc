#include "connectors/file/options.h"

namespace millrace::connectors {

using config::Object;

const Object<FileSourceOptions>& file_source_schema() {
  static const auto schema = Object<FileSourceOptions>(
                                 "Reads files line by line, once, in the order of their names; "
                                 "gzip and zstd are unpacked.")
                                 .field("path",
                                        &FileSourceOptions::path,
                                        "A file, a folder, or a pattern with * and ? in its last "
                                        "part; a list reads one after the other.",
                                        {.min = 1, .required = true, .one_is_a_list = true});
  return schema;
}

const Object<FileSinkOptions>& file_sink_schema() {
  static const auto schema =
      Object<FileSinkOptions>(
          "Writes one line for each record; a name that ends in .gz or .zst is packed.")
          .field("path",
                 &FileSinkOptions::path,
                 "The file. Its folder is made if it is missing.",
                 {.min = 1, .required = true})
          .choice(
              "existing",
              &FileSinkOptions::existing,
              "What happens to a file that is there already. Packed files cannot be appended to.",
              {{"append", Existing::append},
               {"replace", Existing::replace},
               {"refuse", Existing::refuse}});
  return schema;
}

}  // namespace millrace::connectors
