#pragma once

#include "config/schema/issue.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::worker {

enum class NodeKind : std::uint8_t { source, stage, sink };

/// A source, stage or sink of the topology, by its name in the file.
struct GraphNode {
  NodeKind kind = NodeKind::source;
  std::string name;
  std::string what;                 // "kafka reviews.raw", "text-classification models/sst2"
  std::vector<std::string> ports;   // branches of a route; empty: one unnamed port
  std::vector<std::string> inputs;  // "stage" or "stage.branch", as written
  std::vector<std::string> writes;  // JSON Pointers a stage writes
  std::string path;                 // of the node in the file, for positions of issues
};

struct GraphEdge {
  std::size_t from = 0;
  std::string port;  // empty: the unnamed port
  std::size_t to = 0;
};

/// The checked graph: nodes in topological order, edges by index into it.
struct Graph {
  std::vector<GraphNode> nodes;
  std::vector<GraphEdge> edges;

  const GraphNode* find(std::string_view name) const;
};

/// Finds the line of a dotted path of the file.
class Locator {
 public:
  virtual ~Locator() = default;
  virtual config::Issue at(std::string_view path, std::string message, std::string hint) const = 0;
};

/// Connects nodes by the names of their inputs.
///
/// Appends an issue for every unknown name (with the closest one), branch of a stage without
/// branches, unread branch, unused source or stage, cycle, name used twice, and pointer written
/// twice on one way. The graph is usable only if nothing was appended.
Graph connect(std::vector<GraphNode> nodes,
              const Locator& locator,
              std::vector<config::Issue>& issues);

}  // namespace millrace::worker
