#include "worker/topology/build.h"

#include "config/base/check.h"
#include "config/base/log.h"
#include "config/base/sha256.h"
#include "config/schema/render.h"
#include "connectors/table/table.h"
#include "worker/stages/condition.h"
#include "worker/stages/filter.h"
#include "worker/stages/map.h"
#include "worker/stages/pipelines.h"
#include "worker/stages/read.h"
#include "worker/stages/route.h"
#include "worker/topology/pipeline_options.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace millrace::worker {
namespace {

/// Reads what a check has found good.
Condition condition_of(const config::Node& node) {
  config::Reading reading;
  auto condition = Condition::parse(node, "", reading);
  check(condition.has_value(), "a condition that is built was checked before");
  return *std::move(condition);
}

Pointer pointer_of(const std::string& text) {
  auto pointer = Pointer::parse(text);
  check(pointer.has_value(), "a pointer that is built was checked before");
  return *std::move(pointer);
}

class Builder {
 public:
  Builder(const CheckedTopology& checked,
          const TopologySurroundings& surroundings,
          const StageSurroundings& stages)
      : spec_(checked.spec), graph_(checked.graph), surroundings_(surroundings), stages_(stages) {}

  BuiltParts build() {
    name_topology();
    make_sinks();
    for (const auto& [name, stage] : spec_.stages)
      parts_.graph.stages.push_back(make_stage(name, stage));
    make_sources();
    connect();
    return std::move(parts_);
  }

 private:
  /// The same file gives the same hash everywhere, so that results of a fleet can be compared.
  void name_topology() {
    const std::string effective = config::effective_config(topology_schema().show(spec_));
    parts_.graph.topology =
        fmt::format("{} {}", spec_.worker, config::sha256_hex(effective).substr(0, 12));
    parts_.context.topology = parts_.graph.topology;
    parts_.context.worker = surroundings_.instance;
    parts_.context.connect_headers = spec_.dead_letters.connect_headers;
  }

  connectors::KafkaEnvironment environment() const {
    connectors::KafkaEnvironment environment;
    environment.client_id = "millrace-" + spec_.worker;
    environment.startup_deadline = spec_.startup.deadline;
    environment.metrics = &stages_.metrics;
    return environment;
  }

  SinkId add_sink(const std::string& name, const config::Tagged& writer) {
    std::unique_ptr<connectors::Sink> sink =
        connectors::make_sink(writer, spec_.clusters, environment());
    if (surroundings_.wrap_sink) sink = surroundings_.wrap_sink(name, std::move(sink));
    parts_.sinks.push_back({name, connectors::describe(writer), std::move(sink)});
    return static_cast<SinkId>(parts_.sinks.size() - 1);
  }

  void make_sinks() {
    for (const auto& [name, sink] : spec_.sinks) {
      Outlet outlet;
      outlet.name = name;
      if (!sink.drop) outlet.sink = add_sink(name, sink.writer);
      if (sink.when) outlet.when = condition_of(*sink.when);
      outlet.encode_name = sink.encode.value_or("");
      outlet.encode = connectors::make_codec(sink.encode.value_or("json"));
      if (name == surroundings_.dead_letter_sink) parts_.dead_letters = outlet.sink;
      parts_.graph.outlets.push_back(std::move(outlet));
    }
    if (!parts_.dead_letters && !spec_.dead_letters.drop) {
      parts_.dead_letters = add_sink("dead_letters", spec_.dead_letters.writer);
    }
  }

  void make_sources() {
    for (const auto& [name, source] : spec_.sources) {
      parts_.sources.push_back(
          {name,
           connectors::make_source(source.reader, spec_.clusters, environment()),
           source.ordering});
      Inlet inlet;
      inlet.name = name;
      inlet.decode_name = source.decode;
      connectors::CodecOptions reading;
      if (source.on_duplicate_key == OnDuplicateKey::dead_letter)
        reading.repeated_keys = config::RepeatedKeys::refused;
      inlet.decode = connectors::make_codec(source.decode, reading);
      inlet.on_null = source.on_null;
      parts_.graph.inlets.push_back(std::move(inlet));
    }
  }

  StageSlot make_stage(const std::string& name, const StageSpec& stage) {
    StageSlot slot;
    slot.name = name;
    slot.ports.resize(std::max<std::size_t>(1, stage.route.size()));
    if (stage.pipeline) {
      slot.stage = make_pipeline(name, stage);
    } else if (!stage.route.empty()) {
      std::vector<Branch> branches;
      for (const auto& [branch, spec] : stage.route) {
        branches.push_back(
            {branch, spec.when ? std::optional(condition_of(*spec.when)) : std::nullopt});
      }
      slot.stage = std::make_unique<RouteStage>(std::move(branches));
    } else if (stage.map) {
      config::Reading reading;
      const config::Node* set = stage.map->set ? &*stage.map->set : nullptr;
      slot.stage = MapStage::parse(set, stage.map->remove, name, "", reading);
      check(slot.stage != nullptr, "a map that is built was checked before");
    } else {
      slot.stage = std::make_unique<FilterStage>(condition_of(stage.filter->when));
    }
    return slot;
  }

  std::unique_ptr<Stage> make_pipeline(const std::string& name, const StageSpec& stage) {
    pipeline::PipelineOptions wanted = pipeline_options(stage);
    wanted.strict_weights = wanted.strict_weights || surroundings_.strict_weights;
    LoadedPipelineStage loaded = load_pipeline_stage(wanted);
    for (Error& problem : loaded.errors) {
      problem.message = fmt::format("stages.{}: {}", name, problem.message);
      parts_.errors.push_back(std::move(problem));
    }
    if (!loaded.pipeline) return nullptr;
    InferOptions options;
    options.name = name;
    if (stage.read) {
      config::Reading reading;
      auto read = Read::parse(*stage.read, "", reading);
      check(read.has_value(), "a read that is built was checked before");
      options.read = *std::move(read);
    }
    options.write = pointer_of(stage.write);
    options.batch.max_cost = stage.batch.max_tokens.value_or(loaded.pipeline->batch_tokens());
    if (stage.batch.max_items) options.batch.max_rows = *stage.batch.max_items;
    options.batch.deadline = stage.batch.deadline;
    options.retries = stage.errors.retries;
    options.then = stage.errors.then;
    options.nonfinite_is_null = stage.on_nonfinite == OnNonfinite::null;
    // Task and model are parts of the pipeline and share its life.
    const std::shared_ptr<const pipeline::Task> task(loaded.pipeline, &loaded.pipeline->task());
    const std::shared_ptr<const pipeline::Model> model(loaded.pipeline, &loaded.pipeline->model());
    auto infer = std::make_unique<InferStage>(std::move(options),
                                              task,
                                              model,
                                              stages_.runner_signal,
                                              stages_.finished,
                                              stages_.stop,
                                              stages_.metrics,
                                              stages_.clock);
    const std::string detail =
        fmt::format("{}, budget {} tokens", loaded.detail, infer->queue().limits().max_cost);
    log::info("pipeline loaded", {{"stage", name}, {"detail", detail}});
    parts_.pipelines.push_back({name, "pipeline", detail, infer.get()});
    if (loaded.on_accelerator) ++parts_.devices;
    return infer;
  }

  void connect() {
    for (const GraphEdge& edge : graph_.edges) {
      const GraphNode& from = graph_.nodes[edge.from];
      ports_of(from, edge.port).push_back(target_of(graph_.nodes[edge.to].name));
    }
  }

  std::vector<Target>& ports_of(const GraphNode& from, const std::string& port) {
    if (from.kind == NodeKind::source) {
      const auto inlet = std::find_if(parts_.graph.inlets.begin(),
                                      parts_.graph.inlets.end(),
                                      [&](const Inlet& known) { return known.name == from.name; });
      return inlet->targets;
    }
    const auto slot = std::find_if(parts_.graph.stages.begin(),
                                   parts_.graph.stages.end(),
                                   [&](const StageSlot& known) { return known.name == from.name; });
    const auto named = std::find(from.ports.begin(), from.ports.end(), port);
    return slot->ports[port.empty() ? 0 : static_cast<std::size_t>(named - from.ports.begin())];
  }

  Target target_of(const std::string& name) const {
    for (std::size_t i = 0; i < parts_.graph.stages.size(); ++i) {
      if (parts_.graph.stages[i].name == name) return {Target::Kind::stage, i};
    }
    for (std::size_t i = 0; i < parts_.graph.outlets.size(); ++i) {
      if (parts_.graph.outlets[i].name == name) return {Target::Kind::outlet, i};
    }
    throw Bug("an edge leads to a node of the graph");
  }

  const TopologySpec& spec_;
  const Graph& graph_;
  const TopologySurroundings& surroundings_;
  const StageSurroundings& stages_;
  BuiltParts parts_;
};

}  // namespace

BuiltParts build_parts(const CheckedTopology& checked,
                       const TopologySurroundings& surroundings,
                       const StageSurroundings& stage_surroundings) {
  return Builder(checked, surroundings, stage_surroundings).build();
}

}  // namespace millrace::worker
