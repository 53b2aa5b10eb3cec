#include "worker/topology/spec.h"

#include <set>

namespace millrace::worker {
namespace {

using config::Object;
using config::Report;

const std::vector<std::string>& codec_names() {
  static const std::vector<std::string> names{"json", "text", "bytes"};
  return names;
}

const Object<PipelineSpec>& pipeline_schema() {
  static const auto schema =
      Object<PipelineSpec>("Runs a Hugging Face pipeline on a checkpoint folder.")
          .field("task",
                 &PipelineSpec::task,
                 "The task, named as transformers names it.",
                 {.required = true})
          .field("model", &PipelineSpec::model, "The local checkpoint folder.", {.required = true})
          .field("revision",
                 &PipelineSpec::revision,
                 "A name for the weights, carried in the headers of results beside their hash.")
          .field("device",
                 &PipelineSpec::device,
                 "Where the model runs: auto, cpu, cuda, cuda:N, mps, or a number (-1 is the CPU). "
                 "auto falls back to the "
                 "CPU and says so; a device that is named and absent is an error.")
          .field("dtype",
                 &PipelineSpec::dtype,
                 "The type the model computes in.",
                 {.choices = {"auto", "float32", "bfloat16", "float16"}})
          .field("truncation",
                 &PipelineSpec::truncation,
                 "What becomes of a text longer than the model takes: true cuts it and marks the "
                 "result, error makes it a "
                 "dead letter.",
                 {.choices = {"true", "error"}})
          .field("special_tokens",
                 &PipelineSpec::special_tokens,
                 "Special tokens written in a text, such as [MASK]: parse reads them as tokens, "
                 "plain as text.",
                 {.choices = {"parse", "plain"}})
          .field("strict_weights",
                 &PipelineSpec::strict_weights,
                 "Refuses weights that hold NaN or infinite values, which else load with a "
                 "warning and fail the records that meet them.");
  return schema;
}

const Object<BatchSpec>& batch_schema() {
  static const auto schema =
      Object<BatchSpec>(
          "When a batch leaves for the model: at the first of these, or when draining.")
          .field("max_items",
                 &BatchSpec::max_items,
                 "Most rows of one batch.",
                 {.min = 1, .max = 65'536, .unit = "rows", .absent = "1024"})
          .field("max_tokens",
                 &BatchSpec::max_tokens,
                 "Most tokens of one batch.",
                 {.min = 1,
                  .max = static_cast<double>(config::kMaxBatchTokens),
                  .unit = "tokens",
                  .absent = "measured"})
          .field("deadline",
                 &BatchSpec::deadline,
                 "The longest that the oldest row waits for company.",
                 {.min = 0, .max = 60'000});
  return schema;
}

const Object<ErrorSpec>& error_schema() {
  static const auto schema =
      Object<ErrorSpec>("What happens to a record that the pipeline cannot do.")
          .field("retries", &ErrorSpec::retries, "How often it is tried again, alone.", {.max = 10})
          .choice("then",
                  &ErrorSpec::then,
                  "What becomes of it then: a dead letter, nothing (counted), or the end of the "
                  "worker.",
                  {{"dead-letter", AfterFailure::dead_letter},
                   {"drop", AfterFailure::drop},
                   {"stop", AfterFailure::stop}});
  return schema;
}

const Object<BranchSpec>& branch_schema() {
  static const auto schema =
      Object<BranchSpec>("A branch of a route; `when` or `otherwise: true`.")
          .node("when", &BranchSpec::when, "The condition of the branch: {path: /score, ge: 0.8}.")
          .field("otherwise", &BranchSpec::otherwise, "Takes what no other branch takes.")
          .check("a branch has a condition, or is the rest",
                 [](const BranchSpec& branch, Report& report) {
                   if (branch.when.has_value() == branch.otherwise) {
                     report.fail("",
                                 "expected either `when` or `otherwise: true`",
                                 "write {when: {path: /score, ge: 0.8}}");
                   }
                 });
  return schema;
}

const Object<MapSpec>& map_schema() {
  static const auto schema =
      Object<MapSpec>("Changes fields of the document.")
          .node("set",
                &MapSpec::set,
                "JSON Pointers and their new values: a constant, or {path: /other}.")
          .field("remove",
                 &MapSpec::remove,
                 "JSON Pointers to remove, after the settings are made.",
                 {.one_is_a_list = true})
          .check("a map does something", [](const MapSpec& map, Report& report) {
            if (!map.set && map.remove.empty())
              report.fail("", "expected `set` or `remove`", "a map without them does nothing");
          });
  return schema;
}

const Object<FilterSpec>& filter_schema() {
  static const auto schema =
      Object<FilterSpec>("Lets a record on if the condition holds; others end here, counted.")
          .node("when", &FilterSpec::when, "The condition.", {.required = true});
  return schema;
}

void check_stage(const StageSpec& stage, Report& report) {
  if (stage.pipeline) return;
  if (stage.parameters)
    report.fail("parameters", "only a pipeline has parameters", "remove it, or add `pipeline:`");
  if (stage.read)
    report.fail("read", "only a pipeline has `read`", "remove it, or add `pipeline:`");
}

const Object<StageSpec>& stage_schema() {
  static const auto schema =
      Object<StageSpec>("A step on the way: a pipeline, a route, a map or a filter.")
          .field("input",
                 &StageSpec::input,
                 "What it reads: a source, a stage, or stage.branch; a list merges.",
                 {.min = 1, .required = true, .one_is_a_list = true})
          .object("pipeline", &StageSpec::pipeline, pipeline_schema())
          .map("route",
               &StageSpec::route,
               "Branches by name, in order; the first whose condition holds takes the record.",
               branch_schema(),
               {.min = 1})
          .object("map", &StageSpec::map, map_schema())
          .object("filter", &StageSpec::filter, filter_schema())
          .exactly_one({"pipeline", "route", "map", "filter"})
          .node("parameters",
                &StageSpec::parameters,
                "Arguments of the pipeline's call, as in transformers: {top_k: 2}.",
                {.absent = "the task's own"})
          .node("read",
                &StageSpec::read,
                "Where the input of the pipeline stands: a JSON Pointer, a map from argument names "
                "to pointers, or "
                "{first_of: [...]}.",
                {.absent = "\"\", the whole value"})
          .field("write",
                 &StageSpec::write,
                 "The JSON Pointer where the result goes; \"\" makes it the whole value.")
          .object("batch", &StageSpec::batch, batch_schema())
          .object("errors", &StageSpec::errors, error_schema())
          .choice("on_nonfinite",
                  &StageSpec::on_nonfinite,
                  "What becomes of a record whose result is not a finite number.",
                  {{"dead-letter", OnNonfinite::dead_letter}, {"null", OnNonfinite::null}})
          .check("pipeline settings need a pipeline", check_stage);
  return schema;
}

const Object<SourceSpec>& source_schema() {
  static const auto schema =
      Object<SourceSpec>(
          "Where records come from. What tells two records apart is their partition and offset: "
          "those of one key, or of one content, are records of their own, each with its own "
          "result.")
          .kind(&SourceSpec::reader, connectors::source_kinds())
          .field("decode",
                 &SourceSpec::decode,
                 "How a value becomes a document.",
                 {.choices = codec_names()})
          .choice("ordering",
                  &SourceSpec::ordering,
                  "Which results stay in order: those of a partition, those with one key, or none.",
                  {{"partition", Ordering::partition},
                   {"key", Ordering::key},
                   {"none", Ordering::none}})
          .choice("on_null",
                  &SourceSpec::on_null,
                  "What becomes of a record without a value: it goes to the sinks as it is, ends "
                  "here, or is a dead letter.",
                  {{"forward", OnNull::forward},
                   {"drop", OnNull::drop},
                   {"dead-letter", OnNull::dead_letter}})
          .choice("on_duplicate_key",
                  &SourceSpec::on_duplicate_key,
                  "What becomes of a JSON document with a key that stands twice in one object: the "
                  "last one counts, as in Python, or the record is a dead letter.",
                  {{"last", OnDuplicateKey::last}, {"dead-letter", OnDuplicateKey::dead_letter}})
          .check("on_duplicate_key needs decode: json",
                 [](const SourceSpec& source, Report& report) {
                   if (source.on_duplicate_key == OnDuplicateKey::last || source.decode == "json")
                     return;
                   report.fail("on_duplicate_key",
                               "expected `decode: json`, found `decode: " + source.decode + "`",
                               "only a JSON document has keys: remove it");
                 });
  return schema;
}

void check_writer(bool drop, const config::Tagged& writer, Report& report) {
  if (drop && !writer.kind.empty()) {
    report.fail("drop",
                "expected one target, found `drop` and `" + writer.kind + "`",
                "remove one of them");
  }
  if (!drop && writer.kind.empty()) {
    report.fail("",
                "missing a target: one of kafka, files, stdio, drop",
                "`drop: true` throws records away on purpose");
  }
}

const Object<SinkSpec>& sink_schema() {
  static const auto schema =
      Object<SinkSpec>("Where results go.")
          .field("input",
                 &SinkSpec::input,
                 "What it reads: a source, a stage, or stage.branch; a list merges.",
                 {.min = 1, .required = true, .one_is_a_list = true})
          .kind(&SinkSpec::writer, connectors::sink_kinds(), false)
          .field("drop", &SinkSpec::drop, "Throws the records away; they count as filtered.")
          .node("when",
                &SinkSpec::when,
                "Writes only records for which the condition holds; others end here, counted.")
          .field(
              "encode",
              &SinkSpec::encode,
              "How a document becomes a value.",
              {.choices = codec_names(), .absent = "as it came; json once a stage has changed it"})
          .check("a sink has one target", [](const SinkSpec& sink, Report& report) {
            check_writer(sink.drop, sink.writer, report);
          });
  return schema;
}

const Object<DeadLetterSpec>& dead_letter_schema() {
  static const auto schema =
      Object<DeadLetterSpec>(
          "Where records go that could not be done, as they came, with the reason in their "
          "headers.")
          .kind(&DeadLetterSpec::writer, connectors::sink_kinds(), false)
          .field("drop", &DeadLetterSpec::drop, "Counts and logs them, and throws them away.")
          .field("connect_headers",
                 &DeadLetterSpec::connect_headers,
                 "Adds the header names that Kafka Connect uses.")
          .check("dead letters have one target", [](const DeadLetterSpec& letters, Report& report) {
            check_writer(letters.drop, letters.writer, report);
          });
  return schema;
}

const Object<CommitSpec>& commit_schema() {
  static const auto schema =
      Object<CommitSpec>("When positions are committed.")
          .field("interval",
                 &CommitSpec::interval,
                 "The usual time between two commits.",
                 {.min = 10, .max = 60'000})
          .field("max_redo",
                 &CommitSpec::max_redo,
                 "Commits sooner when so many records are done and not committed.",
                 {.min = 1, .unit = "records"});
  return schema;
}

const Object<StartupSpec>& startup_schema() {
  static const auto schema =
      Object<StartupSpec>("How the worker starts.")
          .field(
              "deadline",
              &StartupSpec::deadline,
              "How long each source and sink tries to reach its cluster before the worker leaves "
              "with exit code 4.",
              {.min = 100, .max = 3'600'000});
  return schema;
}

const Object<DrainSpec>& drain_schema() {
  static const auto schema = Object<DrainSpec>("How the worker leaves.")
                                 .field("timeout",
                                        &DrainSpec::timeout,
                                        "The time from SIGTERM in which records in flight finish; "
                                        "what does not is done again after the restart.",
                                        {.min = 100, .max = 3'600'000});
  return schema;
}

const Object<LimitSpec>& limit_schema() {
  static const auto schema =
      Object<LimitSpec>("What may be in flight, from intake to acknowledgement.")
          .field("max_records_in_flight",
                 &LimitSpec::max_records_in_flight,
                 "Most records at a time; after a crash at most so many are done again.",
                 {.min = 1,
                  .max = 1'048'576,
                  .unit = "records",
                  .absent = "8192 with a pipeline, 65536 without"})
          .field("max_bytes_in_flight",
                 &LimitSpec::max_bytes_in_flight,
                 "Most bytes of records and their outputs.",
                 {.min = 1024.0 * 1024.0, .max = 64.0 * 1024 * 1024 * 1024});
  return schema;
}

const Object<HttpSpec>& http_schema() {
  static const auto schema =
      Object<HttpSpec>("The status page: /livez, /readyz, /metrics, /status.")
          .field("bind", &HttpSpec::bind, "The address it listens on.")
          .field("port",
                 &HttpSpec::port,
                 "The port; 0 lets the system choose, and the log says which.")
          .field("expose",
                 &HttpSpec::expose,
                 "Allows an address that others can reach. The page needs no password.");
  return schema;
}

const Object<ThreadSpec>& thread_schema() {
  static const auto schema = Object<ThreadSpec>("How many threads work.")
                                 .field("pool",
                                        &ThreadSpec::pool,
                                        "Threads that decode, tokenize and encode.",
                                        {.min = 1, .max = 256, .absent = "one per core, at most 4"})
                                 .field("runners",
                                        &ThreadSpec::runners,
                                        "Threads that run models.",
                                        {.min = 1, .max = 256, .absent = "one per core"});
  return schema;
}

}  // namespace

const Object<TopologySpec>& topology_schema() {
  static const auto schema =
      Object<TopologySpec>("A worker: what it reads, does and writes.")
          .field("millrace",
                 &TopologySpec::version,
                 "The version of this language.",
                 {.min = 1, .max = 1, .required = true})
          .field("worker",
                 &TopologySpec::worker,
                 "The worker's name in logs, metrics and headers.",
                 {.min = 1, .required = true})
          .choice("guarantee",
                  &TopologySpec::guarantee,
                  "What the topology must promise; one that cannot is refused.",
                  {{"at-least-once", WantedGuarantee::at_least_once},
                   {"exactly-once", WantedGuarantee::exactly_once}})
          .map("clusters",
               &TopologySpec::clusters,
               "Kafka clusters by name.",
               connectors::cluster_schema())
          .map("sources",
               &TopologySpec::sources,
               "Where records come from, by name.",
               source_schema(),
               {.min = 1, .required = true})
          .map("stages", &TopologySpec::stages, "What happens on the way, by name.", stage_schema())
          .map("sinks",
               &TopologySpec::sinks,
               "Where results go, by name.",
               sink_schema(),
               {.min = 1, .required = true})
          .object(
              "dead_letters", &TopologySpec::dead_letters, dead_letter_schema(), {.required = true})
          .object("commit", &TopologySpec::commit, commit_schema())
          .object("startup", &TopologySpec::startup, startup_schema())
          .object("drain", &TopologySpec::drain, drain_schema())
          .object("limits", &TopologySpec::limits, limit_schema())
          .object("http", &TopologySpec::http, http_schema())
          .object("threads", &TopologySpec::threads, thread_schema());
  return schema;
}

}  // namespace millrace::worker
