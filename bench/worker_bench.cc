// Measures the worker as it really is on a real broker beside it, and the peer on the same texts
// between the rounds.
//
//   worker_bench MINILM_FOLDER TEXTS_JSONL
//
// Environment: MILLRACE_SOURCE_DIR, MILLRACE_KAFKA_LIBS, ORACLE_PYTHON (empty: no peer),
// BENCH_ROUNDS (3), BENCH_COPY_RECORDS (2,000,000). The worker is the one of the same build. Ours
// and the peer's rounds alternate, so that a busy minute meets both. Every result is compared
// before a figure is taken; a difference ends the program with 1 and no table. The worker, the
// broker and this program share the machine.

#include "bench/process_figures.h"
#include "tests/support/http_get.h"
#include "tests/support/kafka_client.h"
#include "tests/support/kafka_process.h"
#include "tests/support/worker_process.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <stdio.h>

namespace millrace::bench {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using std::chrono::steady_clock;
using tests::KafkaClient;
using tests::KafkaProcess;
using tests::Message;
using tests::wait_until;
using tests::WorkerProcess;

constexpr std::size_t kRecordBytes = 200;
constexpr std::int32_t kPartitions = 4;
constexpr std::int32_t kCopyPartitions = 8;
constexpr std::size_t kWarmUp = 256;
constexpr std::size_t kProduceChunk = 20'000;

double seconds_since(steady_clock::time_point begin) {
  return std::chrono::duration<double>(steady_clock::now() - begin).count();
}

std::size_t number_from(const char* name, std::size_t otherwise) {
  const std::string text = tests::environment(name);
  return text.empty() ? otherwise : std::stoul(text);
}

/// The figures of one quantity over the rounds.
struct Series {
  std::vector<double> values;

  double median() const {
    std::vector<double> sorted = values;
    std::sort(sorted.begin(), sorted.end());
    return sorted.empty() ? 0 : sorted[sorted.size() / 2];
  }

  std::string range(const char* format) const {
    if (values.empty()) return "";
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    return fmt::format(fmt::runtime(format), *least) + "–" +
           fmt::format(fmt::runtime(format), *most);
  }
};

/// Returns the ratios of two series, round by round.
Series ratio(const Series& ours, const Series& theirs) {
  Series all;
  for (std::size_t i = 0; i < std::min(ours.values.size(), theirs.values.size()); ++i) {
    all.values.push_back(ours.values[i] / theirs.values[i]);
  }
  return all;
}

/// A running worker with what it takes to measure it.
class Subject {
 public:
  Subject(const std::string& topology, std::map<std::string, std::string> settings)
      : port_(tests::free_port()) {
    settings["BENCH_PORT"] = std::to_string(port_);
    const auto begin = steady_clock::now();
    worker_ = std::make_unique<WorkerProcess>(
        std::vector<std::string>{"run",
                                 tests::environment("MILLRACE_SOURCE_DIR") + "/bench/" + topology},
        settings,
        folder_.path() / "log");
    const bool ready = wait_until(60s, [&] {
      const auto answer = tests::http_get(port_, "/readyz");
      return (answer && answer->status == 200) || !worker_->running();
    });
    if (!ready || !worker_->running())
      throw std::runtime_error("the worker is not ready:\n" + worker_->log());
    ready_ms_ = seconds_since(begin) * 1000;
  }

  pid_t pid() const { return worker_->pid(); }

  double ready_ms() const { return ready_ms_; }

  std::string log() const { return worker_->log(); }

  void stop() {
    worker_->signal(SIGTERM);
    if (worker_->wait(30s) != 0)
      throw std::runtime_error("the worker did not drain:\n" + worker_->log());
  }

 private:
  tests::TemporaryFolder folder_;
  int port_;
  double ready_ms_ = 0;
  std::unique_ptr<WorkerProcess> worker_;
};

void wait_for(KafkaClient& client,
              const std::string& topic,
              std::size_t count,
              const Subject& subject) {
  const auto arrived = [&] { return client.count(topic) >= static_cast<std::int64_t>(count); };
  // Asking costs the broker something, so not too often.
  if (!wait_until(10min, arrived, 50ms))
    throw std::runtime_error("results are missing in " + topic + "\n" + subject.log());
}

struct EmbedFigures {
  Series rate, ready_ms, resident, anonymous, single, batch, sorted, least_cosine;
  std::string versions;
};

std::vector<std::string> read_lines(const std::string& file) {
  std::vector<std::string> lines;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  if (lines.empty()) throw std::runtime_error("no texts in " + file);
  return lines;
}

std::vector<Message> to_messages(const std::vector<std::string>& lines,
                                 std::size_t begin,
                                 std::size_t end) {
  std::vector<Message> messages;
  for (std::size_t i = begin; i < end; ++i) {
    messages.push_back(
        {.value = lines[i], .partition = static_cast<std::int32_t>(i % kPartitions)});
  }
  return messages;
}

/// Runs the worker over the texts, all of them there at once, after a warm-up; keeps its vectors in
/// `vectors_file`.
void embed_round(KafkaProcess& kafka,
                 const std::string& model,
                 const std::vector<std::string>& lines,
                 const std::string& name,
                 const std::string& vectors_file,
                 EmbedFigures& figures) {
  kafka.create_topic(name + ".in", kPartitions);
  kafka.create_topic(name + ".out", kPartitions);
  KafkaClient client(kafka.bootstrap());
  Subject subject("embed.yaml",
                  {{"KAFKA_BROKERS", kafka.bootstrap()},
                   {"MILLRACE_MINILM", model},
                   {"BENCH_IN", name + ".in"},
                   {"BENCH_OUT", name + ".out"},
                   {"BENCH_GROUP", name}});
  const std::size_t warm_up = std::min(kWarmUp, lines.size());
  client.produce(name + ".in", to_messages(lines, 0, warm_up));
  wait_for(client, name + ".out", warm_up, subject);

  const auto begin = steady_clock::now();
  client.produce(name + ".in", to_messages(lines, 0, lines.size()));
  wait_for(client, name + ".out", warm_up + lines.size(), subject);
  figures.rate.values.push_back(static_cast<double>(lines.size()) / seconds_since(begin));
  figures.ready_ms.values.push_back(subject.ready_ms());
  figures.resident.values.push_back(resident_mib(subject.pid()));
  figures.anonymous.values.push_back(anonymous_mib(subject.pid()));
  subject.stop();

  std::map<std::string, std::string> by_text;
  client.visit(name + ".out", [&](const Message& message) {
    by_text[json::parse(message.value.value()).at("text").get<std::string>()] = *message.value;
  });
  std::ofstream vectors(vectors_file);
  for (const auto& [text, line] : by_text) vectors << line << "\n";
}

/// Runs the peer on the same texts. It compares all vectors first and has no figures when they
/// differ.
void peer_round(const std::string& python,
                const std::string& model,
                const std::string& texts_file,
                const std::string& vectors_file,
                EmbedFigures& figures) {
  const std::string command = fmt::format("'{}' '{}/bench/transformers_peer.py' '{}' '{}' '{}'",
                                          python,
                                          tests::environment("MILLRACE_SOURCE_DIR"),
                                          model,
                                          texts_file,
                                          vectors_file);
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot start " + command);
  std::string output;
  std::array<char, 4096> buffer{};
  while (fgets(buffer.data(), static_cast<int>(buffer.size()), pipe) != nullptr)
    output += buffer.data();
  if (pclose(pipe) != 0) throw std::runtime_error("the peer failed: " + command + "\n" + output);
  const json result = json::parse(output);
  figures.single.values.push_back(result.at("single"));
  figures.batch.values.push_back(result.at("batch"));
  figures.sorted.values.push_back(result.at("sorted"));
  figures.least_cosine.values.push_back(result.at("least_cosine"));
  figures.versions = result.at("versions");
}

struct CopyFigures {
  Series rate, worker_us, broker_us;
};

/// A record of 200 bytes that reads the same after it was parsed and written.
std::string copy_record(std::size_t i) {
  std::string text = fmt::format("{{\"id\":{},\"payload\":\"", i);
  const std::size_t fill = kRecordBytes - text.size() - 2;
  for (std::size_t k = 0; k < fill; ++k) text += static_cast<char>('a' + (i * 31 + k * 7) % 26);
  return text + "\"}";
}

void produce_copy_records(KafkaProcess& kafka, const std::string& topic, std::size_t count) {
  kafka.create_topic(topic, kCopyPartitions);
  KafkaClient client(kafka.bootstrap());
  for (std::size_t done = 0; done < count;) {
    std::vector<Message> chunk;
    for (; chunk.size() < kProduceChunk && done < count; ++done) {
      chunk.push_back({.value = copy_record(done),
                       .partition = static_cast<std::int32_t>(done % kCopyPartitions)});
    }
    client.produce(topic, chunk);
  }
}

/// Returns a sum over all values that does not depend on their order, but on each of their bytes.
std::uint64_t fingerprint(KafkaClient& client, const std::string& topic) {
  std::uint64_t sum = 0;
  client.visit(topic, [&](const Message& message) {
    std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
    for (const char c : message.value.value_or("(null)"))
      hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    sum += hash;
  });
  return sum;
}

/// Copies the first `count` records, and measures between a tenth and all of them.
void copy_round(KafkaProcess& kafka,
                const std::string& input,
                std::size_t count,
                const std::string& codec,
                const std::string& name,
                std::uint64_t expected,
                CopyFigures& figures) {
  kafka.create_topic(name, kCopyPartitions);
  KafkaClient client(kafka.bootstrap());
  Subject subject("copy.yaml",
                  {{"KAFKA_BROKERS", kafka.bootstrap()},
                   {"BENCH_IN", input},
                   {"BENCH_OUT", name},
                   {"BENCH_GROUP", name},
                   {"BENCH_CODEC", codec}});
  wait_for(client, name, count / 10, subject);
  const auto begin = steady_clock::now();
  const double worker_cpu = cpu_seconds(subject.pid());
  const double broker_cpu = cpu_seconds(kafka.pid());
  const std::int64_t before = client.count(name);
  wait_for(client, name, count, subject);
  const double seconds = seconds_since(begin);
  const auto copied = static_cast<double>(static_cast<std::int64_t>(count) - before);
  const double worker_us = (cpu_seconds(subject.pid()) - worker_cpu) * 1e6 / copied;
  const double broker_us = (cpu_seconds(kafka.pid()) - broker_cpu) * 1e6 / copied;
  if (before * 2 > static_cast<std::int64_t>(count))
    throw std::runtime_error("too few records for a measurement");
  subject.stop();
  if (fingerprint(client, name) != expected)
    throw std::runtime_error("the copies in " + name + " differ");
  figures.rate.values.push_back(copied / seconds);
  figures.worker_us.values.push_back(worker_us);
  figures.broker_us.values.push_back(broker_us);
}

void row(const std::string& what,
         const std::string& ours,
         const std::string& theirs,
         const std::string& ratio,
         const std::string& goal,
         bool met) {
  fmt::print(
      "| {} | {} | {} | {} | {} | {} |\n", what, ours, theirs, ratio, goal, met ? "yes" : "no");
}

void peer_row(const char* what, const EmbedFigures& figures, const Series& theirs, double goal) {
  const Series times = ratio(figures.rate, theirs);
  row(what,
      fmt::format("{:.0f} rec/s", figures.rate.median()),
      fmt::format("{:.0f} rec/s", theirs.median()),
      fmt::format("{:.2f}× ({})", times.median(), times.range("{:.2f}")),
      fmt::format("≥ {:.1f}×", goal),
      times.median() >= goal);
}

void copy_row(const char* what, const CopyFigures& figures, double goal) {
  row(what,
      fmt::format("{:.0f} k rec/s ({})", figures.rate.median() / 1e3, figures.rate.range("{:.0f}")),
      fmt::format("worker {:.2f} µs, broker {:.2f} µs of CPU a record",
                  figures.worker_us.median(),
                  figures.broker_us.median()),
      "",
      fmt::format("≥ {:.0f} k rec/s", goal / 1e3),
      figures.rate.median() >= goal);
}

void print_table(const EmbedFigures& embed,
                 const CopyFigures& bytes,
                 const CopyFigures& with_json,
                 std::size_t texts) {
  fmt::print(
      "| what | Millrace | peer | ratio, median (range) | goal | met "
      "|\n|---|---|---|---|---|---|\n");
  if (!embed.single.values.empty()) {
    peer_row("MiniLM vectors, Kafka to Kafka; transformers.pipeline, batch_size 1",
             embed,
             embed.single,
             2.0);
    peer_row("the same; batch_size 32", embed, embed.batch, 2.0);
    peer_row("the same; batch_size 32, sorted by length by hand", embed, embed.sorted, 1.0);
  } else {
    row("MiniLM vectors, Kafka to Kafka",
        fmt::format("{:.0f} rec/s", embed.rate.median()),
        "not run",
        "",
        "≥ 2.0×",
        false);
  }
  copy_row("identity, 200 bytes, codec bytes", bytes, 200'000);
  copy_row("identity, 200 bytes, codec json", with_json, 80'000);
  row("resident set with MiniLM",
      fmt::format(
          "{:.0f} MiB, {:.0f} of them its own", embed.resident.median(), embed.anonymous.median()),
      "",
      "",
      "≤ 400 MiB",
      embed.resident.median() <= 400);
  row("start to ready with MiniLM, warm",
      fmt::format("{:.0f} ms", embed.ready_ms.median()),
      "",
      "",
      "≤ 2500 ms",
      embed.ready_ms.median() <= 2500);
  if (!embed.versions.empty()) {
    const auto least =
        *std::min_element(embed.least_cosine.values.begin(), embed.least_cosine.values.end());
    fmt::print("\n{} texts, {} rounds; least cosine of two vectors {:.7f}; peer: {}\n",
               texts,
               embed.rate.values.size(),
               least,
               embed.versions);
  }
}

void measure(const std::string& model, const std::string& texts_file) {
  const std::size_t rounds = number_from("BENCH_ROUNDS", 3);
  const std::size_t copies = number_from("BENCH_COPY_RECORDS", 2'000'000);
  const std::string python = tests::environment("ORACLE_PYTHON");
  const auto lines = read_lines(texts_file);
  const tests::TemporaryFolder folder;
  const std::string vectors_file = (folder.path() / "vectors.jsonl").string();
  const auto kafka = KafkaProcess::start({.heap_mib = 1024, .for_benchmarks = true});
  kafka->create_topic("bench.dead", 1);

  EmbedFigures embed;
  for (std::size_t round = 0; round < rounds; ++round) {
    embed_round(*kafka, model, lines, fmt::format("embed-{}", round), vectors_file, embed);
    std::cerr << fmt::format(
        "round {}: MiniLM {:.0f} rec/s\n", round + 1, embed.rate.values.back());
    if (python.empty()) continue;
    peer_round(python, model, texts_file, vectors_file, embed);
    std::cerr << fmt::format("round {}: transformers {:.0f}, {:.0f}, {:.0f} rec/s\n",
                             round + 1,
                             embed.single.values.back(),
                             embed.batch.values.back(),
                             embed.sorted.values.back());
  }

  CopyFigures bytes;
  CopyFigures with_json;
  produce_copy_records(*kafka, "copy-in", copies);
  KafkaClient client(kafka->bootstrap());
  const std::uint64_t expected = fingerprint(client, "copy-in");
  for (std::size_t round = 0; round < rounds; ++round) {
    copy_round(*kafka, "copy-in", copies, "bytes", fmt::format("bytes-{}", round), expected, bytes);
    copy_round(
        *kafka, "copy-in", copies, "json", fmt::format("json-{}", round), expected, with_json);
    std::cerr << fmt::format("round {}: identity {:.0f} rec/s with bytes, {:.0f} with json\n",
                             round + 1,
                             bytes.rate.values.back(),
                             with_json.rate.values.back());
  }
  print_table(embed, bytes, with_json, lines.size());
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: worker_bench MINILM_FOLDER TEXTS_JSONL\n";
    return 2;
  }
  try {
    millrace::bench::measure(argv[1], argv[2]);
  } catch (const std::exception& failure) {
    std::cerr << "worker_bench: " << failure.what() << "\n";
    return 1;
  }
  return 0;
}
