#pragma once

#include "config/base/json.h"
#include "config/base/pointer.h"
#include "config/schema/places.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace millrace::worker {

/// What a pipeline is given of a document: `read:` of the topology file.
///
/// One of: a JSON Pointer; a map from argument names to pointers, which makes an object; {first_of:
/// [pointers]}, the first that is there. Immutable.
class Read {
 public:
  /// The whole document.
  Read() = default;

  static std::optional<Read> parse(const config::Node& node,
                                   const std::string& path,
                                   config::Reading& reading);

  /// Returns the value to give to the pipeline. `made` holds it if it had to be made.
  ///
  /// Error: NO_FIELD (invalid_input) naming the pointers that are not there.
  Result<const Json*> of(const Json& document, Document& made) const;

 private:
  bool first_of_ = false;
  std::vector<Pointer> pointers_;   // empty: the whole document
  std::vector<std::string> names_;  // of a map, one for each pointer
};

}  // namespace millrace::worker
