#include "worker/topology/graph.h"

#include "worker/topology/draw.h"
#include "worker/topology/guarantee.h"

#include <gmock/gmock.h>

namespace millrace::worker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class PathLocator final : public Locator {
 public:
  config::Issue at(std::string_view path, std::string message, std::string hint) const override {
    return {.file = "t.yaml",
            .line = 1,
            .column = 1,
            .path = std::string(path),
            .message = std::move(message),
            .hint = std::move(hint)};
  }
};

GraphNode source(std::string name) {
  return {
      .kind = NodeKind::source, .name = name, .what = "kafka " + name, .path = "sources." + name};
}

GraphNode stage(std::string name,
                std::vector<std::string> inputs,
                std::vector<std::string> ports = {}) {
  return {.kind = NodeKind::stage,
          .name = name,
          .what = "stage",
          .ports = std::move(ports),
          .inputs = std::move(inputs),
          .path = "stages." + name};
}

GraphNode sink(std::string name, std::vector<std::string> inputs) {
  return {.kind = NodeKind::sink,
          .name = name,
          .what = "kafka out",
          .inputs = std::move(inputs),
          .path = "sinks." + name};
}

struct Connected {
  Graph graph;
  std::vector<config::Issue> issues;
};

Connected connected(std::vector<GraphNode> nodes) {
  Connected result;
  result.graph = connect(std::move(nodes), PathLocator(), result.issues);
  return result;
}

std::string messages(const Connected& result) {
  std::string all;
  for (const auto& issue : result.issues)
    all += issue.path + ": " + issue.message + "; " + issue.hint + "\n";
  return all;
}

TEST(Graph, puts_nodes_in_an_order_in_which_inputs_come_first) {
  const auto result =
      connected({sink("out", {"b"}), stage("b", {"a"}), stage("a", {"in"}), source("in")});

  EXPECT_THAT(result.issues, IsEmpty());
  std::vector<std::string> names;
  for (const auto& node : result.graph.nodes) names.push_back(node.name);
  EXPECT_THAT(names, ElementsAre("in", "a", "b", "out"));
  EXPECT_THAT(result.graph.edges, SizeIs(3));
}

TEST(Graph, names_the_closest_node_for_an_unknown_input) {
  EXPECT_THAT(messages(connected({source("reviews"), sink("out", {"reviws"})})),
              HasSubstr("did you mean 'reviews'"));
}

TEST(Graph, asks_for_the_branch_of_a_route) {
  const auto result = connected({source("in"),
                                 stage("split", {"in"}, {"yes", "no"}),
                                 sink("a", {"split"}),
                                 sink("b", {"split.no"})});

  EXPECT_THAT(messages(result), HasSubstr("say which branch"));
  EXPECT_THAT(messages(result), HasSubstr("yes, no"));
}

TEST(Graph, refuses_a_branch_that_nobody_reads) {
  const auto result =
      connected({source("in"), stage("split", {"in"}, {"yes", "no"}), sink("a", {"split.yes"})});

  EXPECT_THAT(messages(result), HasSubstr("nothing reads the branch 'split.no'"));
}

TEST(Graph, refuses_a_cycle) {
  EXPECT_THAT(messages(connected(
                  {source("in"), stage("a", {"in", "b"}), stage("b", {"a"}), sink("out", {"b"})})),
              HasSubstr("cycle through a, b"));
}

TEST(Graph, refuses_a_name_used_twice) {
  EXPECT_THAT(messages(connected({source("in"), sink("in", {"in"})})), HasSubstr("used twice"));
}

TEST(Graph, refuses_one_pointer_written_twice_on_one_way_only) {
  GraphNode first = stage("a", {"in"});
  GraphNode second = stage("b", {"a"});
  GraphNode beside = stage("c", {"in"});
  first.writes = second.writes = beside.writes = {"/result"};

  EXPECT_THAT(messages(connected({source("in"), first, second, sink("out", {"b"})})),
              HasSubstr("writes /result"));
  EXPECT_THAT(
      messages(connected({source("in"), first, beside, sink("o", {"a"}), sink("p", {"c"})})),
      IsEmpty());
}

TEST(Guarantee, an_edge_promises_what_its_weakest_source_and_its_end_allow) {
  const auto result = connected({source("kafka"),
                                 source("pipe"),
                                 stage("both", {"kafka", "pipe"}),
                                 sink("out", {"both"}),
                                 sink("copy", {"kafka"})});
  ASSERT_THAT(result.issues, IsEmpty());
  std::vector<Ability> abilities;
  for (const auto& node : result.graph.nodes) {
    abilities.push_back(
        {.keeps_word = node.name != "pipe", .reason = "a pipe cannot be read again"});
  }

  const auto edges = edge_guarantees(result.graph, abilities);

  for (std::size_t e = 0; e < edges.size(); ++e) {
    const std::string& to = result.graph.nodes[result.graph.edges[e].to].name;
    const std::string& from = result.graph.nodes[result.graph.edges[e].from].name;
    const bool touched_by_pipe = from == "pipe" || to == "out";
    EXPECT_EQ(edges[e].guarantee, touched_by_pipe ? Guarantee::none : Guarantee::at_least_once)
        << from << " -> " << to;
  }
  EXPECT_EQ(weakest(edges).why, "a pipe cannot be read again");
}

TEST(Draw, shows_nodes_edges_and_guarantees_in_all_three_forms) {
  const auto result =
      connected({source("in"), stage("split", {"in"}, {"yes"}), sink("out", {"split.yes"})});
  const auto edges = edge_guarantees(result.graph, std::vector<Ability>(3));

  EXPECT_EQ(draw_text(result.graph, edges),
            "source  in     kafka in\nstage   split  stage\nsink    out    kafka out\n\n"
            "in        -> split  at-least-once\nsplit.yes -> out    at-least-once\n\n"
            "guarantee: at-least-once (a crash may redo what was in flight: results are not "
            "written in one transaction "
            "with positions)\n");
  EXPECT_THAT(draw_mermaid(result.graph, edges), HasSubstr("n1 -->|\"yes: at-least-once\"| n2"));
  EXPECT_THAT(draw_dot(result.graph, edges), HasSubstr("n0 -> n1 [label=\"at-least-once\"];"));
}

TEST(Draw, escapes_what_the_user_named) {
  GraphNode odd = source("in");
  odd.what = "files a\"b\\c\n";
  const auto result = connected({odd, sink("out", {"in"})});
  const auto edges = edge_guarantees(result.graph, std::vector<Ability>(2));

  EXPECT_THAT(draw_dot(result.graph, edges), HasSubstr("files a\\\"b\\\\c \""));
  EXPECT_THAT(draw_mermaid(result.graph, edges), HasSubstr("files a#quot;b"));
}

}  // namespace
}  // namespace millrace::worker
