#pragma once

#include "config/schema/document.h"
#include "config/schema/places.h"
#include "worker/topology/graph.h"
#include "worker/topology/guarantee.h"
#include "worker/topology/spec.h"

#include <filesystem>
#include <string_view>
#include <vector>

namespace millrace::worker {

/// A topology file, and everything that can be said about it without opening a socket or reading
/// weights.
struct CheckedTopology {
  TopologySpec spec;
  config::Reading reading;  // its issues are sorted
  Graph graph;
  std::vector<EdgeGuarantee> guarantees;  // one for each edge

  /// True if the topology can be built.
  bool good() const { return !config::has_errors(reading.issues); }
};

/// Reads a topology and checks it: the language, the graph, names, conditions, pointers, options of
/// librdkafka, model folders, the guarantee. Every problem is reported, with its line.
CheckedTopology check_topology(std::string_view text, const config::YamlOptions& options);

/// The same for a file. A file that cannot be read is an issue, too.
CheckedTopology check_topology_file(const std::filesystem::path& file);

}  // namespace millrace::worker
