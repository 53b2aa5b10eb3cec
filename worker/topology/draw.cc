#include "worker/topology/draw.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include <fmt/format.h>

namespace millrace::worker {
namespace {

std::string_view word(NodeKind kind) {
  switch (kind) {
    case NodeKind::source:
      return "source";
    case NodeKind::stage:
      return "stage";
    case NodeKind::sink:
      return "sink";
  }
  return "";
}

/// Names of nodes are the user's: in both languages a quoted label needs these replaced.
std::string quoted(std::string_view text, std::string_view quote) {
  std::string out;
  for (const char c : text) {
    if (c == '"') {
      out += quote;
    } else if (c == '\\') {
      out += "\\\\";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += ' ';
    } else {
      out += c;
    }
  }
  return out;
}

std::string origin_of(const Graph& graph, const GraphEdge& edge) {
  const std::string& from = graph.nodes[edge.from].name;
  return edge.port.empty() ? from : from + "." + edge.port;
}

}  // namespace

std::string draw_text(const Graph& graph, const std::vector<EdgeGuarantee>& guarantees) {
  std::string out;
  std::size_t widest = 0;
  for (const GraphNode& node : graph.nodes) widest = std::max(widest, node.name.size());
  for (const GraphNode& node : graph.nodes) {
    fmt::format_to(std::back_inserter(out),
                   "{:<6}  {:<{}}  {}\n",
                   word(node.kind),
                   node.name,
                   widest,
                   node.what);
  }
  out += '\n';
  std::size_t from_width = 0;
  std::size_t to_width = 0;
  for (const GraphEdge& edge : graph.edges) {
    from_width = std::max(from_width, origin_of(graph, edge).size());
    to_width = std::max(to_width, graph.nodes[edge.to].name.size());
  }
  for (std::size_t e = 0; e < graph.edges.size(); ++e) {
    const GraphEdge& edge = graph.edges[e];
    fmt::format_to(std::back_inserter(out),
                   "{:<{}} -> {:<{}}  {}\n",
                   origin_of(graph, edge),
                   from_width,
                   graph.nodes[edge.to].name,
                   to_width,
                   name(guarantees[e].guarantee));
  }
  const EdgeGuarantee all = weakest(guarantees);
  fmt::format_to(std::back_inserter(out), "\nguarantee: {} ({})\n", name(all.guarantee), all.why);
  return out;
}

std::string draw_mermaid(const Graph& graph, const std::vector<EdgeGuarantee>& guarantees) {
  std::string out = "flowchart LR\n";
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const GraphNode& node = graph.nodes[i];
    const bool stage = node.kind == NodeKind::stage;
    fmt::format_to(std::back_inserter(out),
                   "  n{}{}\"{}<br/>{}\"{}\n",
                   i,
                   stage ? "[" : "([",
                   quoted(node.name, "#quot;"),
                   quoted(node.what, "#quot;"),
                   stage ? "]" : "])");
  }
  for (std::size_t e = 0; e < graph.edges.size(); ++e) {
    const GraphEdge& edge = graph.edges[e];
    fmt::format_to(std::back_inserter(out),
                   "  n{} -->|\"{}{}{}\"| n{}\n",
                   edge.from,
                   quoted(edge.port, "#quot;"),
                   edge.port.empty() ? "" : ": ",
                   name(guarantees[e].guarantee),
                   edge.to);
  }
  return out;
}

std::string draw_dot(const Graph& graph, const std::vector<EdgeGuarantee>& guarantees) {
  std::string out = "digraph topology {\n  rankdir=LR;\n";
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const GraphNode& node = graph.nodes[i];
    fmt::format_to(std::back_inserter(out),
                   "  n{} [shape={}, label=\"{}\\n{}\"];\n",
                   i,
                   node.kind == NodeKind::stage ? "box" : "cylinder",
                   quoted(node.name, "\\\""),
                   quoted(node.what, "\\\""));
  }
  for (std::size_t e = 0; e < graph.edges.size(); ++e) {
    const GraphEdge& edge = graph.edges[e];
    fmt::format_to(std::back_inserter(out),
                   "  n{} -> n{} [label=\"{}{}{}\"];\n",
                   edge.from,
                   edge.to,
                   quoted(edge.port, "\\\""),
                   edge.port.empty() ? "" : ": ",
                   name(guarantees[e].guarantee));
  }
  out += "}\n";
  return out;
}

}  // namespace millrace::worker
