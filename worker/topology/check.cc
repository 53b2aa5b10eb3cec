#include "worker/topology/check.h"

#include "config/base/pointer.h"
#include "connectors/table/table.h"
#include "worker/stages/condition.h"
#include "worker/stages/map.h"
#include "worker/stages/pipelines.h"
#include "worker/stages/read.h"
#include "worker/topology/pipeline_options.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace millrace::worker {
namespace {

using config::child_path;
using config::Issue;

class ReadingLocator final : public Locator {
 public:
  explicit ReadingLocator(const config::Reading& reading) : reading_(reading) {}

  Issue at(std::string_view path, std::string message, std::string hint) const override {
    const config::Place place = reading_.places.nearest(path);
    return {.file = reading_.file,
            .line = place.line,
            .column = place.column,
            .path = std::string(path),
            .message = std::move(message),
            .hint = std::move(hint)};
  }

 private:
  const config::Reading& reading_;
};

class Checker {
 public:
  explicit Checker(CheckedTopology& checked)
      : checked_(checked), spec_(checked.spec), reading_(checked.reading) {}

  void run() {
    check_guarantee();
    for (const auto& [name, source] : spec_.sources) check_source(name, source);
    for (const auto& [name, stage] : spec_.stages) check_stage(name, stage);
    for (const auto& [name, sink] : spec_.sinks) check_sink(name, sink);
    check_writer("dead_letters", spec_.dead_letters.writer);
    check_loops();
    check_http();
    connect_graph();
    if (!config::has_errors(reading_.issues)) try_connectors();
  }

 private:
  void try_one(const std::string& path,
               const std::string& kind,
               const std::optional<std::string>& problem) {
    if (problem) reading_.fail(child_path(path, kind), *problem);
  }

  /// What only the libraries know. They are asked last: they stop at the first thing that they do
  /// not like.
  void try_connectors() {
    for (const auto& [name, source] : spec_.sources) {
      try_one(child_path("sources", name),
              source.reader.kind,
              connectors::try_source(source.reader, spec_.clusters));
    }
    for (const auto& [name, sink] : spec_.sinks) {
      if (!sink.drop)
        try_one(child_path("sinks", name),
                sink.writer.kind,
                connectors::try_sink(sink.writer, spec_.clusters));
    }
    const DeadLetterSpec& letters = spec_.dead_letters;
    if (!letters.drop)
      try_one("dead_letters",
              letters.writer.kind,
              connectors::try_sink(letters.writer, spec_.clusters));
  }

  void check_guarantee() {
    if (spec_.guarantee != WantedGuarantee::exactly_once) return;
    reading_.fail(
        "guarantee",
        "exactly-once cannot be promised: results and positions are not written in one transaction",
        "write at-least-once, which is the default");
  }

  void add(const std::string& path, const std::vector<connectors::OptionProblem>& problems) {
    for (const connectors::OptionProblem& problem : problems) {
      reading_.fail(problem.field.empty() ? path : child_path(path, problem.field),
                    problem.message,
                    problem.hint);
    }
  }

  void check_source(const std::string& name, const SourceSpec& source) {
    const std::string path = child_path("sources", name);
    GraphNode node{.kind = NodeKind::source,
                   .name = name,
                   .what = connectors::describe(source.reader),
                   .ports = {},
                   .inputs = {},
                   .writes = {},
                   .path = path};
    nodes_.push_back(std::move(node));
    const connectors::Reread reread = connectors::reread_of(source.reader);
    abilities_[name] = {reread.continues, reread.reason};
    add(child_path(path, source.reader.kind),
        connectors::check_source(source.reader, spec_.clusters));
  }

  void check_writer(const std::string& path, const config::Tagged& writer) {
    if (!writer.kind.empty())
      add(child_path(path, writer.kind), connectors::check_sink(writer, spec_.clusters));
  }

  void check_sink(const std::string& name, const SinkSpec& sink) {
    const std::string path = child_path("sinks", name);
    nodes_.push_back({.kind = NodeKind::sink,
                      .name = name,
                      .what = sink.drop ? "drop" : connectors::describe(sink.writer),
                      .ports = {},
                      .inputs = sink.input,
                      .writes = {},
                      .path = path});
    check_writer(path, sink.writer);
    if (sink.when) Condition::parse(*sink.when, child_path(path, "when"), reading_);
  }

  void check_stage(const std::string& name, const StageSpec& stage) {
    const std::string path = child_path("stages", name);
    GraphNode node{.kind = NodeKind::stage,
                   .name = name,
                   .what = {},
                   .ports = {},
                   .inputs = stage.input,
                   .writes = {},
                   .path = path};
    if (stage.pipeline) {
      node.what = fmt::format("{} {}", stage.pipeline->task, stage.pipeline->model);
      check_pipeline_stage(stage, path, node);
    } else if (!stage.route.empty()) {
      node.what = "route";
      check_route(stage, path, node);
    } else if (stage.map) {
      node.what = "map";
      const config::Node* set = stage.map->set ? &*stage.map->set : nullptr;
      const auto map =
          MapStage::parse(set, stage.map->remove, name, child_path(path, "map"), reading_);
      if (map) node.writes = map->writes();
    } else if (stage.filter) {
      node.what = "filter";
      Condition::parse(
          stage.filter->when, child_path(child_path(path, "filter"), "when"), reading_);
    }
    nodes_.push_back(std::move(node));
  }

  void check_route(const StageSpec& stage, const std::string& path, GraphNode& node) {
    std::size_t otherwise = 0;
    for (const auto& [name, branch] : stage.route) {
      const std::string branch_path = child_path(child_path(path, "route"), name);
      node.ports.push_back(name);
      if (branch.when) Condition::parse(*branch.when, child_path(branch_path, "when"), reading_);
      if (branch.otherwise && ++otherwise > 1) {
        reading_.fail(branch_path,
                      "a second branch takes the rest",
                      "one branch of a route may have `otherwise: true`");
      }
    }
  }

  void check_pipeline_stage(const StageSpec& stage, const std::string& path, GraphNode& node) {
    if (stage.read) Read::parse(*stage.read, child_path(path, "read"), reading_);
    const auto write = Pointer::parse(stage.write);
    if (!write) {
      reading_.fail(child_path(path, "write"),
                    write.error().message,
                    "a JSON Pointer begins with '/': /result");
    } else if (!write->whole()) {
      node.writes.push_back(write->text());
    }
    if (stage.parameters && !stage.parameters->is_map()) {
      reading_.fail(child_path(path, "parameters"),
                    fmt::format("expected a map, found {}", stage.parameters->described()));
      return;
    }
    if (stage.pipeline->task.empty() || stage.pipeline->model.empty()) return;
    for (const Error& problem : check_pipeline(pipeline_options(stage))) {
      reading_.fail(place_of(path, problem), problem.message);
    }
  }

  /// The line that an error of a pipeline is about.
  static std::string place_of(const std::string& path, const Error& problem) {
    if (problem.code == "UNKNOWN_PARAMETER" || problem.code == "BAD_PARAMETER")
      return child_path(path, "parameters");
    const std::string pipeline = child_path(path, "pipeline");
    if (problem.code == "UNKNOWN_TASK") return child_path(pipeline, "task");
    if (problem.code.find("DEVICE") != std::string::npos) return child_path(pipeline, "device");
    return child_path(pipeline, "model");
  }

  /// A topology that reads what it writes never ends.
  void check_loops() {
    std::map<std::string, std::string> read;
    for (const auto& [name, source] : spec_.sources) {
      for (const std::string& target : connectors::targets(source.reader))
        read.emplace(target, name);
    }
    const auto look = [&](const std::string& path, const config::Tagged& writer) {
      for (const std::string& target : connectors::targets(writer)) {
        const auto source = read.find(target);
        if (source == read.end()) continue;
        reading_.fail(child_path(path, writer.kind),
                      fmt::format("a loop: {} is read by the source '{}'", target, source->second),
                      "write to another place");
      }
    };
    for (const auto& [name, sink] : spec_.sinks) look(child_path("sinks", name), sink.writer);
    look("dead_letters", spec_.dead_letters.writer);
  }

  void check_http() {
    if (!spec_.http || spec_.http->expose) return;
    const std::string& bind = spec_.http->bind;
    if (bind.starts_with("127.") || bind == "::1") return;
    reading_.fail("http.bind",
                  fmt::format("{} can be reached by others and the page has no password", bind),
                  "bind 127.0.0.1, or say `expose: true`");
  }

  void connect_graph() {
    checked_.graph = connect(std::move(nodes_), ReadingLocator(reading_), reading_.issues);
    std::vector<Ability> abilities;
    for (const GraphNode& node : checked_.graph.nodes) {
      const auto known = abilities_.find(node.name);
      abilities.push_back(known == abilities_.end() ? Ability{} : known->second);
    }
    checked_.guarantees = edge_guarantees(checked_.graph, abilities);
  }

  CheckedTopology& checked_;
  const TopologySpec& spec_;
  config::Reading& reading_;
  std::vector<GraphNode> nodes_;
  std::map<std::string, Ability> abilities_;
};

}  // namespace

CheckedTopology check_topology(std::string_view text, const config::YamlOptions& options) {
  auto loaded = config::load(topology_schema(), text, options);
  CheckedTopology checked;
  checked.spec = std::move(loaded.value);
  checked.reading = std::move(loaded.reading);
  // What could not be read has no meaning that could be checked; everything else is looked at
  // nevertheless.
  Checker(checked).run();
  config::sort_issues(checked.reading.issues);
  return checked;
}

CheckedTopology check_topology_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  if (!in.good() && !in.eof()) {
    CheckedTopology checked;
    checked.reading.file = file.string();
    checked.reading.issues.push_back({.file = file.string(),
                                      .message = "the file cannot be read",
                                      .hint = "give the path of a topology, a YAML file"});
    return checked;
  }
  config::YamlOptions options;
  options.file = file.string();
  options.root = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  return check_topology(text.str(), options);
}

}  // namespace millrace::worker
