#pragma once

#include "worker/topology/graph.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::worker {

/// What is promised for a record on one edge; the smaller value promises less.
enum class Guarantee : std::uint8_t { none, at_least_once, exactly_once };

/// Returns the word of the topology file: `at-least-once`. none is written as `none`.
std::string_view name(Guarantee guarantee);

/// What the end of an edge can do, as far as the promise depends on it.
struct Ability {
  /// A source: reading begins again behind what was committed. A sink: it says what has arrived.
  bool keeps_word = true;
  /// Why not, for people.
  std::string reason;
};

struct EdgeGuarantee {
  Guarantee guarantee = Guarantee::at_least_once;
  /// Why it is not better, in one sentence.
  std::string why;
};

/// Computes the promise of every edge of a graph, in the order of its edges.
///
/// abilities: one for each node, in the order of the nodes; those of stages do not matter. An edge
/// promises what the weakest source that can reach it and its own end allow.
std::vector<EdgeGuarantee> edge_guarantees(const Graph& graph,
                                           const std::vector<Ability>& abilities);

/// The promise of the whole topology: that of its weakest edge.
EdgeGuarantee weakest(const std::vector<EdgeGuarantee>& edges);

}  // namespace millrace::worker
