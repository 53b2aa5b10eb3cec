#pragma once

#include "worker/topology/graph.h"
#include "worker/topology/guarantee.h"

#include <string>
#include <vector>

namespace millrace::worker {

/// Draws the graph for a terminal: a line for each node, then a line for each edge with its
/// guarantee.
std::string draw_text(const Graph& graph, const std::vector<EdgeGuarantee>& guarantees);

/// Draws it as a Mermaid flowchart.
std::string draw_mermaid(const Graph& graph, const std::vector<EdgeGuarantee>& guarantees);

/// Draws it for Graphviz.
std::string draw_dot(const Graph& graph, const std::vector<EdgeGuarantee>& guarantees);

}  // namespace millrace::worker
