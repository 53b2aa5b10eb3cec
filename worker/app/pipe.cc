#include "config/base/json.h"
#include "config/schema/document.h"
#include "worker/app/logging.h"
#include "worker/app/supervise.h"
#include "worker/app/verbs.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::worker {
namespace {

/// Writes results as they are, and a dead letter as an object that says why, in the place of its
/// result.
class AnswerSink final : public connectors::Sink {
 public:
  explicit AnswerSink(std::unique_ptr<connectors::Sink> sink) : sink_(std::move(sink)) {}

  Result<void> open() override { return sink_->open(); }

  Result<connectors::Accepted> write(connectors::OutRecord& record, std::uint64_t opaque) override {
    if (const connectors::Header* code = find(record, "millrace-dlq-code")) {
      const connectors::Header* text = find(record, "millrace-dlq-text");
      const Json answer = {
          {"error",
           {{"code", code->value.view()},
            {"message", text == nullptr ? std::string_view() : text->value.view()}}}};
      connectors::OutRecord line;
      line.value = Bytes::owning(config::to_text(answer));
      return sink_->write(line, opaque);
    }
    return sink_->write(record, opaque);
  }

  Result<void> poll(std::chrono::milliseconds wait,
                    std::vector<connectors::Verdict>& verdicts) override {
    return sink_->poll(wait, verdicts);
  }

  Result<void> flush() override { return sink_->flush(); }

  Result<void> close(std::chrono::milliseconds deadline) override { return sink_->close(deadline); }

  std::size_t outstanding() const override { return sink_->outstanding(); }

 private:
  static const connectors::Header* find(const connectors::OutRecord& record,
                                        std::string_view name) {
    for (const connectors::Header& header : record.headers) {
      if (header.name == name) return &header;
    }
    return nullptr;
  }

  std::unique_ptr<connectors::Sink> sink_;
};

/// JSON is YAML, but for variables, which text on the command line has none of.
std::string parameters_line(const std::string& json) {
  if (json.empty()) return {};
  std::string escaped;
  for (const char c : json) {
    if (c == '{' && !escaped.empty() && escaped.back() == '$') escaped += '$';
    escaped += c;
  }
  return "    parameters: " + escaped + "\n";
}

/// The topology that a pipe is: it is written as any other, and checked as any other.
std::string pipe_topology(const PipeVerb& verb) {
  const auto spelt = [](const std::string& text) { return config::yaml_scalar(text); };
  std::string pipeline =
      fmt::format("task: {}, model: {}, device: {}, dtype: {}, truncation: {}, special_tokens: {}",
                  spelt(verb.task),
                  spelt(verb.model),
                  spelt(verb.device),
                  spelt(verb.dtype),
                  spelt(verb.truncation),
                  spelt(verb.special_tokens));
  if (!verb.revision.empty()) pipeline += ", revision: " + spelt(verb.revision);
  if (verb.strict_weights) pipeline += ", strict_weights: true";
  return fmt::format(
      "millrace: 1\n"
      "worker: pipe\n"
      "sources: {{in: {{stdio: {{}}, decode: json}}}}\n"
      "stages:\n"
      "  pipeline:\n"
      "    input: in\n"
      "    pipeline: {{{}}}\n"
      "    read: \"\"\n"
      "    write: \"\"\n"
      "{}"
      "    batch: {{deadline: 5ms}}\n"
      "sinks: {{out: {{input: pipeline, stdio: {{}}}}}}\n"
      "dead_letters: {{stdio: {{}}}}\n",
      pipeline,
      parameters_line(verb.parameters));
}

ExitCode refuse(const config::Issues& issues) {
  // Lines of a file that the user never saw would only confuse.
  for (const config::Issue& issue : issues) {
    fmt::print(stderr,
               "millrace pipe: {}{}{}\n",
               issue.message,
               issue.hint.empty() ? "" : "; ",
               issue.hint);
  }
  return ExitCode::configuration;
}

}  // namespace

ExitCode run_pipe(const PipeVerb& verb) {
  const StopSignals signals;
  configure_log(verb.log);
  if (!verb.parameters.empty()) {
    const auto parameters = config::parse_json(verb.parameters, config::JsonLimits::record());
    if (!parameters || !parameters->is_object()) {
      fmt::print(stderr,
                 "millrace pipe: --parameters: expected a JSON object such as {{\"top_k\": 2}}, "
                 "found {}\n",
                 parameters ? parameters->type_name() : parameters.error().text());
      return ExitCode::usage;
    }
  }
  config::YamlOptions options;
  options.file = "pipe";
  const CheckedTopology checked = check_topology(pipe_topology(verb), options);
  if (!checked.good()) return refuse(checked.reading.issues);

  Metrics metrics;
  TopologySurroundings surroundings;
  surroundings.metrics = &metrics;
  surroundings.instance = instance_name("pipe");
  surroundings.dead_letter_sink = "out";
  surroundings.wrap_sink =
      [](const std::string&,
         std::unique_ptr<connectors::Sink> sink) -> std::unique_ptr<connectors::Sink> {
    return std::make_unique<AnswerSink>(std::move(sink));
  };
  Topology::Built built = Topology::build(checked, std::move(surroundings));
  for (const Error& problem : built.errors)
    fmt::print(stderr, "millrace pipe: {}\n", problem.text());
  if (!built.topology) return ExitCode::configuration;
  return supervise(*built.topology, signals, {}).code;
}

}  // namespace millrace::worker
