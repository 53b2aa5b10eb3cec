#pragma once

#include "config/base/metrics.h"
#include "connectors/contract/codec.h"
#include "worker/stages/condition.h"
#include "worker/stages/infer.h"
#include "worker/stages/stage.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace millrace::worker {

// The graph that runs, with every name resolved. worker/topology/build.cc fills it:
//
//   RunnableGraph graph;
//   graph.inlets.push_back({.name = "reviews", .decode_name = "json", .decode = make_codec("json"),
//                           .targets = {{Target::Kind::stage, 0}}});
//   graph.stages.push_back({.name = "score", .stage = …, .ports = {{{Target::Kind::outlet, 0}}}});
//   graph.outlets.push_back({.name = "scored", .sink = 0, .encode_name = "json", .encode =
//   make_codec("json")});

/// What becomes of a record without a value (a tombstone).
enum class OnNull : std::uint8_t { forward, drop, dead_letter };

/// A stage or an outlet, by its index.
struct Target {
  enum class Kind : std::uint8_t { stage, outlet };

  Kind kind = Kind::stage;
  std::size_t index = 0;
};

struct Inlet {
  std::string name;
  std::string decode_name;
  std::unique_ptr<connectors::Codec> decode;
  OnNull on_null = OnNull::forward;
  std::vector<Target> targets;
};

struct StageSlot {
  std::string name;
  std::unique_ptr<Stage> stage;
  std::vector<std::vector<Target>> ports;  // one list for each port
};

struct Outlet {
  std::string name;
  std::optional<SinkId> sink;  // nothing: `drop`
  std::optional<Condition> when;
  std::string encode_name;  // empty: an unchanged record leaves as it came
  std::unique_ptr<connectors::Codec> encode;
};

struct RunnableGraph {
  std::vector<Inlet> inlets;
  std::vector<StageSlot> stages;
  std::vector<Outlet> outlets;
  std::string topology;  // of the header `millrace-topology`
};

/// Leads records through the graph. Thread-safe: all pool threads call it at once.
class GraphRun {
 public:
  explicit GraphRun(RunnableGraph graph);

  /// Decodes a record and sends it on its way. A record of an ending lease is left to the next
  /// owner.
  void admit(std::size_t inlet, FateToken token) const;

  /// Sends a job on whose rows are back from the model.
  void finish(InferJob& job) const;

 private:
  class Port;

  void send(const std::vector<Target>& targets, Envelope envelope) const;
  void arrive(Target target, Envelope envelope) const;
  void publish(const Outlet& outlet, Envelope envelope) const;
  bool passes_undecoded(const Inlet& inlet) const;

  RunnableGraph graph_;
  std::vector<bool> undecoded_;  // inlets whose records go to sinks as they are
  std::vector<std::pair<const InferStage*, std::size_t>> infer_slots_;
  Bytes topology_;
};

}  // namespace millrace::worker
