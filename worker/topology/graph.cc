#include "worker/topology/graph.h"

#include "config/schema/suggest.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace millrace::worker {
namespace {

using config::Issue;

struct Input {
  std::string node;
  std::string port;
};

Input split_input(const std::string& text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string::npos) return {text, ""};
  return {text.substr(0, dot), text.substr(dot + 1)};
}

std::vector<std::string> names_that_feed(const std::vector<GraphNode>& nodes) {
  std::vector<std::string> names;
  for (const GraphNode& node : nodes) {
    if (node.kind == NodeKind::sink) continue;
    if (node.ports.empty()) names.push_back(node.name);
    for (const std::string& port : node.ports) names.push_back(node.name + "." + port);
  }
  return names;
}

class Connector {
 public:
  Connector(std::vector<GraphNode> nodes, const Locator& locator, std::vector<Issue>& issues)
      : nodes_(std::move(nodes)), locator_(locator), issues_(issues) {}

  Graph connect() {
    index_names();
    for (std::size_t i = 0; i < nodes_.size(); ++i) connect_inputs(i);
    complain_about_unread();
    Graph graph = in_order();
    complain_about_double_writes(graph);
    return graph;
  }

 private:
  void complain(const GraphNode& node,
                std::string_view field,
                std::string message,
                std::string hint) {
    const std::string path = field.empty() ? node.path : fmt::format("{}.{}", node.path, field);
    issues_.push_back(locator_.at(path, std::move(message), std::move(hint)));
  }

  void index_names() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (by_name_.emplace(nodes_[i].name, i).second) continue;
      complain(nodes_[i],
               "",
               fmt::format("the name '{}' is used twice", nodes_[i].name),
               "sources, stages and sinks share one set of names; rename one");
    }
  }

  void connect_inputs(std::size_t to) {
    for (const std::string& text : nodes_[to].inputs) {
      const Input input = split_input(text);
      const auto found = by_name_.find(input.node);
      if (found == by_name_.end() || nodes_[found->second].kind == NodeKind::sink) {
        complain(nodes_[to],
                 "input",
                 fmt::format("'{}' is not a source or stage", text),
                 config::suggestion(text, names_that_feed(nodes_)));
        continue;
      }
      if (check_port(nodes_[to], nodes_[found->second], text, input.port)) {
        edges_.push_back({found->second, input.port, to});
      }
    }
  }

  bool check_port(const GraphNode& reader,
                  const GraphNode& from,
                  const std::string& text,
                  const std::string& port) {
    if (from.ports.empty() && port.empty()) return true;
    if (from.ports.empty()) {
      complain(reader,
               "input",
               fmt::format("'{}' has no branches, found '{}'", from.name, text),
               fmt::format("only a route has branches; write `input: {}`", from.name));
      return false;
    }
    if (std::find(from.ports.begin(), from.ports.end(), port) != from.ports.end()) return true;
    complain(reader,
             "input",
             port.empty() ? fmt::format("'{}' is a route: say which branch", from.name)
                          : fmt::format("'{}' has no branch '{}'", from.name, port),
             fmt::format("branches of '{}': {}", from.name, fmt::join(from.ports, ", ")));
    return false;
  }

  void complain_about_unread() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const GraphNode& node = nodes_[i];
      if (node.kind == NodeKind::sink) continue;
      std::set<std::string> read;
      for (const GraphEdge& edge : edges_) {
        if (edge.from == i) read.insert(edge.port);
      }
      if (node.ports.empty()) {
        if (read.empty()) {
          complain(node,
                   "",
                   fmt::format("nothing reads '{}'", node.name),
                   fmt::format("add a sink with `input: {}`, or remove it", node.name));
        }
        continue;
      }
      for (const std::string& port : node.ports) {
        if (read.count(port) != 0) continue;
        complain(node,
                 "route." + port,
                 fmt::format("nothing reads the branch '{}.{}'", node.name, port),
                 fmt::format("add a sink with `input: {}.{}`; to throw its records away, give the "
                             "sink `drop: true`",
                             node.name,
                             port));
      }
    }
  }

  /// Kahn's algorithm; what is left over lies on a cycle.
  Graph in_order() {
    std::vector<std::size_t> waiting(nodes_.size(), 0);
    for (const GraphEdge& edge : edges_) ++waiting[edge.to];
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (waiting[i] == 0) order.push_back(i);
    }
    for (std::size_t next = 0; next < order.size(); ++next) {
      for (const GraphEdge& edge : edges_) {
        if (edge.from == order[next] && --waiting[edge.to] == 0) order.push_back(edge.to);
      }
    }
    complain_about_cycle(waiting);
    std::vector<std::size_t> place(nodes_.size(), 0);
    Graph graph;
    for (std::size_t i = 0; i < order.size(); ++i) {
      place[order[i]] = i;
      graph.nodes.push_back(nodes_[order[i]]);
    }
    for (const GraphEdge& edge : edges_) {
      if (waiting[edge.from] == 0 && waiting[edge.to] == 0) {
        graph.edges.push_back({place[edge.from], edge.port, place[edge.to]});
      }
    }
    return graph;
  }

  void complain_about_cycle(const std::vector<std::size_t>& waiting) {
    std::vector<std::string> names;
    const GraphNode* first = nullptr;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (waiting[i] == 0 || nodes_[i].kind == NodeKind::sink) continue;
      if (first == nullptr) first = &nodes_[i];
      names.push_back(nodes_[i].name);
    }
    if (first == nullptr) return;
    complain(*first,
             "input",
             fmt::format("the graph has a cycle through {}", fmt::join(names, ", ")),
             "records flow one way, from sources to sinks: remove one of these inputs");
  }

  void complain_about_double_writes(const Graph& graph) {
    std::vector<std::map<std::string, std::string>> written(graph.nodes.size());
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      for (const GraphEdge& edge : graph.edges) {
        if (edge.to == i) written[i].insert(written[edge.from].begin(), written[edge.from].end());
      }
      for (const std::string& pointer : graph.nodes[i].writes) {
        const auto [earlier, fresh] = written[i].emplace(pointer, graph.nodes[i].name);
        if (fresh) continue;
        complain(graph.nodes[i],
                 graph.nodes[i].writes.size() == 1 ? "" : "map",
                 fmt::format("'{}' writes {}, which '{}' has written",
                             graph.nodes[i].name,
                             pointer,
                             earlier->second),
                 "give one of them another `write:`");
      }
    }
  }

  std::vector<GraphNode> nodes_;
  const Locator& locator_;
  std::vector<Issue>& issues_;
  std::map<std::string, std::size_t> by_name_;
  std::vector<GraphEdge> edges_;
};

}  // namespace

const GraphNode* Graph::find(std::string_view name) const {
  for (const GraphNode& node : nodes) {
    if (node.name == name) return &node;
  }
  return nullptr;
}

Graph connect(std::vector<GraphNode> nodes, const Locator& locator, std::vector<Issue>& issues) {
  return Connector(std::move(nodes), locator, issues).connect();
}

}  // namespace millrace::worker
