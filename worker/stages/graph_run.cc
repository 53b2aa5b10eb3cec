#include "worker/stages/graph_run.h"

#include "config/base/check.h"
#include "worker/stages/provenance.h"

#include <algorithm>
#include <utility>

namespace millrace::worker {
namespace {

void reject(Envelope& envelope, Error error, const std::string& stage) {
  Failure failure{.error = std::move(error), .stage = stage};
  if (!envelope.models.empty()) {
    const ModelTag& tag = *envelope.models.back();
    failure.model = tag.model;
    failure.revision = tag.revision;
    failure.device = tag.device;
    failure.dtype = tag.dtype;
  }
  envelope.token.reject(std::move(failure));
}

}  // namespace

/// The ports of one stage.
class GraphRun::Port final : public Output {
 public:
  Port(const GraphRun& run, const StageSlot& slot) : run_(run), slot_(slot) {}

  void send(std::size_t port, Envelope envelope) override {
    run_.send(slot_.ports[port], std::move(envelope));
  }

 private:
  const GraphRun& run_;
  const StageSlot& slot_;
};

GraphRun::GraphRun(RunnableGraph graph)
    : graph_(std::move(graph)), topology_(Bytes::copy_of(graph_.topology)) {
  for (const Inlet& inlet : graph_.inlets) undecoded_.push_back(passes_undecoded(inlet));
  for (std::size_t i = 0; i < graph_.stages.size(); ++i) {
    if (const auto* infer = dynamic_cast<const InferStage*>(graph_.stages[i].stage.get()))
      infer_slots_.emplace_back(infer, i);
  }
}

/// Bytes that go straight to sinks need no document around them.
bool GraphRun::passes_undecoded(const Inlet& inlet) const {
  return inlet.decode->is_transparent() &&
         std::all_of(inlet.targets.begin(), inlet.targets.end(), [&](const Target& target) {
           return target.kind == Target::Kind::outlet &&
                  (graph_.outlets[target.index].encode_name.empty() ||
                   graph_.outlets[target.index].encode->is_transparent());
         });
}

void GraphRun::admit(std::size_t inlet, FateToken token) const {
  if (!token.lease().active()) {
    token.discard();
    return;
  }
  const Inlet& from = graph_.inlets[inlet];
  Envelope envelope;
  envelope.token = std::move(token);
  envelope.inlet = inlet;
  const connectors::Record& record = envelope.token.record();
  if (record.value.is_null()) {
    switch (from.on_null) {
      case OnNull::forward:
        send(from.targets, std::move(envelope));
        return;
      case OnNull::drop:
        envelope.token.filter();
        return;
      case OnNull::dead_letter:
        reject(envelope,
               error(Errc::invalid_input,
                     "NULL_VALUE",
                     "the record has no value; see `on_null` of the source"),
               from.name);
        return;
    }
  }
  if (!undecoded_[inlet]) {
    auto document = from.decode->decode(record);
    if (!document) {
      reject(envelope, std::move(document).error(), from.name);
      return;
    }
    envelope.document = *std::move(document);
  }
  send(from.targets, std::move(envelope));
}

void GraphRun::finish(InferJob& job) const {
  const auto found = std::find_if(infer_slots_.begin(), infer_slots_.end(), [&](const auto& slot) {
    return slot.first == job.stage;
  });
  check(found != infer_slots_.end(), "a job comes from a stage of its graph");
  Port port(*this, graph_.stages[found->second]);
  job.stage->finish(job, port);
}

void GraphRun::send(const std::vector<Target>& targets, Envelope envelope) const {
  for (std::size_t i = 0; i + 1 < targets.size(); ++i) arrive(targets[i], envelope.split());
  arrive(targets.back(), std::move(envelope));
}

void GraphRun::arrive(Target target, Envelope envelope) const {
  if (target.kind == Target::Kind::outlet) {
    publish(graph_.outlets[target.index], std::move(envelope));
    return;
  }
  const StageSlot& slot = graph_.stages[target.index];
  Port port(*this, slot);
  slot.stage->process(std::move(envelope), port);
}

void GraphRun::publish(const Outlet& outlet, Envelope envelope) const {
  const connectors::Record& record = envelope.token.record();
  const Json* document =
      envelope.document.has_value() ? &*std::as_const(envelope.document) : nullptr;
  const bool wanted =
      outlet.sink.has_value() && (!outlet.when || outlet.when->holds(document, record));
  if (!wanted) {
    envelope.token.filter();
    return;
  }
  const bool as_it_came = document == nullptr || outlet.encode_name.empty() ||
                          outlet.encode_name == graph_.inlets[envelope.inlet].decode_name;
  if (!envelope.changed && envelope.models.empty() && as_it_came) {
    envelope.token.publish(*outlet.sink, unchanged_record(record));
    return;
  }
  Bytes value = record.value;
  if (document != nullptr) {
    auto encoded = outlet.encode->encode(envelope.document);
    if (!encoded) {
      reject(envelope, std::move(encoded).error(), outlet.name);
      return;
    }
    value = *std::move(encoded);
  }
  connectors::OutRecord result = result_record(envelope, std::move(value), topology_);
  envelope.token.publish(*outlet.sink, std::move(result));
}

}  // namespace millrace::worker
