#include "config/base/check.h"
#include "config/base/json.h"
#include "config/base/log.h"
#include "config/schema/document.h"
#include "connectors/table/table.h"
#include "worker/app/logging.h"
#include "worker/app/supervise.h"
#include "worker/app/verbs.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace millrace::worker {
namespace {

using namespace std::chrono_literals;

constexpr int kPartitions = 4;
/// So many results are shown one by one; the rest is counted.
constexpr std::size_t kShown = 12;
constexpr std::size_t kShownDead = 3;
constexpr std::size_t kTextWidth = 72;

/// A Kafka connector as a topology writes it.
config::Tagged kafka(const std::string& options) {
  config::Issues issues;
  auto node = config::parse_yaml(options, {}, issues);
  check(node.has_value(), "the names of a topology that was read can be written again");
  return {"kafka", *std::move(node)};
}

/// What comes off the topics, read back from the broker by a consumer of its own: what is shown has
/// really been there.
class Viewer {
 public:
  Viewer(const connectors::Clusters& clusters,
         const std::string& cluster,
         const std::vector<std::string>& topics) {
    source_ = connectors::make_source(
        kafka(fmt::format(
            "{{cluster: {}, group: demo-viewer, topics: [{}]}}", cluster, fmt::join(topics, ", "))),
        clusters,
        {});
  }

  Result<void> open() { return source_->open(); }

  /// Shows what has come.
  Result<void> look(std::chrono::milliseconds wait) {
    auto polled = source_->poll(wait, 256);
    if (!polled) return std::move(polled).error();
    for (const connectors::Record& record : polled->records) show(record);
    return {};
  }

  std::size_t seen() const { return seen_; }

  std::size_t of(const std::string& topic) const {
    const auto found = counts_.find(topic);
    return found == counts_.end() ? 0 : found->second;
  }

  std::pair<std::size_t, std::size_t> agreement() const { return {agree_, judged_}; }

  void close() { static_cast<void>(source_->close({}, 2s)); }

 private:
  static std::string cut(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    if (text.size() <= kTextWidth) return text;
    std::size_t end = kTextWidth - 3;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
    return text.substr(0, end) + "...";
  }

  void show(const connectors::Record& record) {
    ++seen_;
    ++counts_[std::string(record.origin.topic)];
    std::string_view code;
    for (const connectors::Header& header : record.headers) {
      if (header.name == "millrace-dlq-code") code = header.value.view();
    }
    if (!code.empty()) {
      if (++dead_shown_ <= kShownDead) {
        line(fmt::format("{:<9} {:<7} {:<16} {}",
                         "dead",
                         "",
                         code,
                         cut(config::escape_line(record.value.view(), 60))));
      }
      return;
    }
    const auto document = config::parse_json(record.value.view(), config::JsonLimits::record());
    if (!document || !document->is_object() || !document->contains("result")) return;
    const Json& result = (*document)["result"];
    const std::string label = result.value("label", "?");
    const double score = result.value("score", 0.0);
    judge(*document, label);
    if (++shown_ > kShown) return;
    line(fmt::format("{:<9} {:<7.4f} {:<16} {}",
                     label,
                     score,
                     record.origin.topic,
                     cut(document->value("text", ""))));
  }

  /// The reviews carry what people thought of them.
  void judge(const Json& document, const std::string& label) {
    const auto rating = document.find("rating");
    if (rating == document.end() || !rating->is_number()) return;
    ++judged_;
    if ((rating->get<double>() > 0) == (label == "POSITIVE")) ++agree_;
  }

  void line(const std::string& text) {
    if (!std::exchange(headed_, true)) {
      fmt::print("{:<9} {:<7} {:<16} {}\n", "label", "score", "topic", "review");
    }
    fmt::print("{}\n", text);
    std::fflush(stdout);
  }

  std::unique_ptr<connectors::Source> source_;
  std::map<std::string, std::size_t> counts_;
  std::size_t seen_ = 0, shown_ = 0, dead_shown_ = 0, agree_ = 0, judged_ = 0;
  bool headed_ = false;
};

std::string kafka_field(const config::Tagged& tagged, const char* name) {
  const config::Node* node = tagged.options.find(name);
  return node == nullptr ? std::string() : node->text;
}

/// The topics of a topology: where records come from, and where they go.
struct Topics {
  std::string cluster;
  std::string in;
  std::vector<std::string> out;
};

Topics topics_of(const TopologySpec& spec) {
  Topics topics;
  const config::Tagged& reader = spec.sources.front().second.reader;
  topics.cluster = kafka_field(reader, "cluster");
  if (const config::Node* list = reader.options.find("topics")) {
    topics.in = list->is_sequence() && !list->items.empty() ? list->items.front().text : list->text;
  }
  for (const auto& [name, sink] : spec.sinks) {
    if (sink.writer.kind == "kafka") topics.out.push_back(kafka_field(sink.writer, "topic"));
  }
  if (spec.dead_letters.writer.kind == "kafka")
    topics.out.push_back(kafka_field(spec.dead_letters.writer, "topic"));
  return topics;
}

/// Writes each line of the file to the topic, as a producer of the outside would. Returns how many
/// there were.
Result<std::size_t> produce(const std::string& file,
                            const Topics& topics,
                            const connectors::Clusters& clusters) {
  std::ifstream in(file);
  if (!in)
    return error(Errc::not_found,
                 "NO_FILE",
                 fmt::format("{}: the records of the demo cannot be read", file));
  const auto sink = connectors::make_sink(
      kafka(fmt::format("{{cluster: {}, topic: {}}}", topics.cluster, topics.in)), clusters, {});
  if (auto opened = sink->open(); !opened) return std::move(opened).error();
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  // A few records that no model can do: they must end as dead letters and hurt nobody.
  for (const char* broken : {"{\"id\": 9001, \"text\": ",
                             "not json at all",
                             "{\"id\": 9003}",
                             "{\"id\": 9004, \"text\": 7}",
                             "\xff\xfe"}) {
    lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(lines.size() / 2), broken);
  }
  std::vector<connectors::Verdict> verdicts;
  std::size_t delivered = 0;
  for (std::size_t i = 0; i < lines.size();) {
    connectors::OutRecord record;
    record.key = Bytes::copy_of(std::to_string(i));
    record.value = Bytes::copy_of(lines[i]);
    auto written = sink->write(record, i);
    if (!written) return std::move(written).error();
    if (*written == connectors::Accepted::yes) ++i;
    if (auto polled = sink->poll(0ms, verdicts); !polled) return std::move(polled).error();
  }
  while (sink->outstanding() > 0) {
    if (auto polled = sink->poll(10ms, verdicts); !polled) return std::move(polled).error();
  }
  for (const connectors::Verdict& verdict : verdicts) delivered += verdict.error ? 0 : 1;
  static_cast<void>(sink->close(1s));
  return delivered;
}

void print_counts(const Viewer& viewer, const Topics& topics) {
  fmt::print("\ntopics\n");
  for (const std::string& topic : topics.out)
    fmt::print("  {:<18} {:>5} records\n", topic, viewer.of(topic));
}

void print_batches(const Snapshot& last) {
  for (const Snapshot::Stage& stage : last.stages) {
    const double batches = static_cast<double>(std::max<std::uint64_t>(1, stage.batches));
    fmt::print("\nbatches of '{}' ({})\n", stage.name, stage.detail);
    fmt::print("  {} batches, {:.1f} rows and {:.0f} tokens each, {:.1f} ms in the model\n",
               stage.batches,
               static_cast<double>(stage.rows) / batches,
               static_cast<double>(stage.tokens) / batches,
               stage.forward_p50_ms);
  }
}

void print_ledger(const Snapshot& last) {
  const Snapshot::Ledger& ledger = last.ledger;
  fmt::print(
      "\nledger\n  received {} = published {} + filtered {} + dead letters {} + already done {} + "
      "discarded {} + in flight {}: {}\n",
      ledger.received,
      ledger.published,
      ledger.filtered,
      ledger.dead_lettered,
      ledger.already_done,
      ledger.discarded,
      ledger.in_flight,
      ledger.balanced() ? "true" : "FALSE");
}

void print_next_steps(const std::string& topology) {
  fmt::print(
      "\ntry next\n"
      "  your own topic  KAFKA_BROKERS=localhost:9092 millrace run {}\n"
      "  your own model  echo '\"I loved it\"' | millrace pipe --task text-classification --model "
      "DIR\n"
      "  lint            millrace lint {}\n",
      topology,
      topology);
}

ExitCode fail(const Error& problem) {
  fmt::print(stderr, "millrace demo: {}\n", problem.text());
  return exit_for(problem);
}

}  // namespace

ExitCode run_demo(const DemoVerb& verb) {
  const StopSignals signals;
  configure_log(verb.log);
  const auto began = std::chrono::steady_clock::now();
  auto broker = connectors::EmbeddedBroker::start();
  if (!broker) return fail(broker.error());

  config::YamlOptions options;
  options.file = verb.topology;
  options.env = [brokers = (*broker)->brokers()](const std::string& name) {
    return name == "KAFKA_BROKERS" ? std::optional(brokers)
                                   : config::YamlOptions::process_environment(name);
  };
  std::ifstream in(verb.topology);
  std::stringstream text;
  text << in.rdbuf();
  const CheckedTopology checked = check_topology(text.str(), options);
  fmt::print(stderr, "{}", config::issues_text(checked.reading.issues));
  if (!checked.good()) return ExitCode::configuration;

  const Topics topics = topics_of(checked.spec);
  std::set<std::string> all(topics.out.begin(), topics.out.end());
  all.insert(topics.in);
  for (const std::string& topic : all) {
    if (auto created = (*broker)->create_topic(topic, kPartitions); !created)
      return fail(created.error());
  }
  const auto produced = produce(verb.records, topics, checked.spec.clusters);
  if (!produced) return fail(produced.error());
  fmt::print(
      "millrace demo: {} records wait on {}, {} partitions, on a broker inside this process\n\n",
      *produced,
      topics.in,
      kPartitions);
  std::fflush(stdout);

  Metrics metrics;
  Topology::Built built = Topology::build(checked,
                                          {.metrics = &metrics,
                                           .instance = instance_name("demo"),
                                           .strict_weights = verb.strict_weights});
  for (const Error& problem : built.errors)
    fmt::print(stderr, "millrace demo: {}\n", problem.text());
  if (!built.topology) return ExitCode::configuration;
  Viewer viewer(checked.spec.clusters, topics.cluster, topics.out);
  if (auto opened = viewer.open(); !opened) return fail(opened.error());

  std::optional<Error> trouble;
  std::optional<std::chrono::steady_clock::time_point> first, done;
  Topology& topology = *built.topology;
  const Supervised run = supervise(topology, signals, [&](const Snapshot& now) {
    if (auto looked = viewer.look(10ms); !looked) trouble = std::move(looked).error();
    if (!first && viewer.seen() > 0) first = std::chrono::steady_clock::now();
    const std::uint64_t settled =
        now.ledger.published + now.ledger.filtered + now.ledger.dead_lettered;
    if (!done && settled >= *produced) done = std::chrono::steady_clock::now();
    if (trouble || (done && viewer.seen() >= *produced)) topology.drain();
  });
  viewer.close();
  if (trouble) return fail(*trouble);
  if (run.ending.error) return fail(*run.ending.error);

  const auto seconds = [](auto from, auto to) {
    return std::chrono::duration<double>(to - from).count();
  };
  print_counts(viewer, topics);
  const auto [agree, judged] = viewer.agreement();
  if (judged > 0)
    fmt::print("  {} of {} labels agree with what people thought of the review\n", agree, judged);
  print_batches(run.ending.last);
  if (first && done) {
    fmt::print("\nfirst record after {:.1f} s, all {} in {:.1f} s: {:.0f} records/s\n",
               seconds(began, *first),
               *produced,
               std::max(0.001, static_cast<double>(run.ending.last.uptime.count()) / 1000.0),
               static_cast<double>(*produced) /
                   std::max(0.001, seconds(began, *done) - seconds(began, *first) + 0.1));
  }
  print_ledger(run.ending.last);
  print_next_steps(verb.topology);
  return run.ending.last.ledger.balanced() ? run.code : ExitCode::bug;
}

}  // namespace millrace::worker
