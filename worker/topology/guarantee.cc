#include "worker/topology/guarantee.h"

#include <algorithm>

namespace millrace::worker {
namespace {

const char* const kWhyNotExactlyOnce =
    "a crash may redo what was in flight: results are not written in one transaction with "
    "positions";

EdgeGuarantee weaker(const EdgeGuarantee& a, const EdgeGuarantee& b) {
  return b.guarantee < a.guarantee ? b : a;
}

EdgeGuarantee own(const GraphNode& node, const Ability& ability) {
  if (node.kind == NodeKind::stage || ability.keeps_word)
    return {Guarantee::at_least_once, kWhyNotExactlyOnce};
  return {Guarantee::none, ability.reason};
}

}  // namespace

std::string_view name(Guarantee guarantee) {
  switch (guarantee) {
    case Guarantee::none:
      return "none";
    case Guarantee::at_least_once:
      return "at-least-once";
    case Guarantee::exactly_once:
      return "exactly-once";
  }
  return "none";
}

std::vector<EdgeGuarantee> edge_guarantees(const Graph& graph,
                                           const std::vector<Ability>& abilities) {
  // Nodes are in topological order, so what reaches a node is known before its outgoing edges are
  // looked at.
  std::vector<EdgeGuarantee> reaches;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    reaches.push_back(graph.nodes[i].kind == NodeKind::source
                          ? own(graph.nodes[i], abilities[i])
                          : EdgeGuarantee{Guarantee::at_least_once, kWhyNotExactlyOnce});
  }
  std::vector<EdgeGuarantee> edges(graph.edges.size());
  for (std::size_t node = 0; node < graph.nodes.size(); ++node) {
    for (std::size_t e = 0; e < graph.edges.size(); ++e) {
      const GraphEdge& edge = graph.edges[e];
      if (edge.from != node) continue;
      reaches[edge.to] = weaker(reaches[edge.to], reaches[node]);
      edges[e] = weaker(reaches[node], own(graph.nodes[edge.to], abilities[edge.to]));
    }
  }
  return edges;
}

EdgeGuarantee weakest(const std::vector<EdgeGuarantee>& edges) {
  EdgeGuarantee all{Guarantee::at_least_once, kWhyNotExactlyOnce};
  for (const EdgeGuarantee& edge : edges) all = weaker(all, edge);
  return all;
}

}  // namespace millrace::worker
