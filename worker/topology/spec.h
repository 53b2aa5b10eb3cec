#pragma once

#include "config/schema/object.h"
#include "connectors/table/table.h"
#include "worker/flow/intake.h"
#include "worker/stages/graph_run.h"
#include "worker/stages/infer.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace millrace::worker {

// The topology file, as it is written. Whether its parts fit together is checked in check.h.

enum class OnDuplicateKey : std::uint8_t { last, dead_letter };

struct SourceSpec {
  config::Tagged reader;
  std::string decode = "json";
  Ordering ordering = Ordering::partition;
  OnNull on_null = OnNull::forward;
  OnDuplicateKey on_duplicate_key = OnDuplicateKey::last;
};

/// A pipeline, by its task and checkpoint folder.
struct PipelineSpec {
  std::string task;
  std::string model;
  std::string revision;
  std::string device = "auto";
  std::string dtype = "auto";
  std::string truncation = "true";
  std::string special_tokens = "parse";
  bool strict_weights = false;
};

/// When a batch leaves. Absent numbers are measured when the model is loaded.
struct BatchSpec {
  std::optional<std::size_t> max_items;
  std::optional<std::size_t> max_tokens;
  std::chrono::milliseconds deadline{25};
};

enum class OnNonfinite : std::uint8_t { dead_letter, null };

struct ErrorSpec {
  std::uint32_t retries = 0;
  AfterFailure then = AfterFailure::dead_letter;
};

/// One way out of a route. Records take the first branch whose condition holds.
struct BranchSpec {
  std::optional<config::Node> when;
  bool otherwise = false;
};

struct FilterSpec {
  config::Node when;
};

/// What a map changes: settings first, in the order of the file, then removals.
struct MapSpec {
  std::optional<config::Node> set;
  std::vector<std::string> remove;
};

using Branches = std::vector<std::pair<std::string, BranchSpec>>;

struct StageSpec {
  std::vector<std::string> input;
  std::optional<PipelineSpec> pipeline;
  Branches route;  // empty: no route
  std::optional<MapSpec> map;
  std::optional<FilterSpec> filter;

  // The rest belongs to pipelines.
  std::optional<config::Node> parameters;
  std::optional<config::Node> read;
  std::string write = "/result";
  BatchSpec batch;
  ErrorSpec errors;
  OnNonfinite on_nonfinite = OnNonfinite::dead_letter;
};

struct SinkSpec {
  std::vector<std::string> input;
  config::Tagged writer;  // of no kind with `drop`
  bool drop = false;
  std::optional<config::Node> when;
  std::optional<std::string> encode;
};

/// Where records go that could not be done.
struct DeadLetterSpec {
  config::Tagged writer;
  bool drop = false;
  bool connect_headers = false;
};

struct CommitSpec {
  std::chrono::milliseconds interval{1000};
  std::uint32_t max_redo = 100'000;
};

struct StartupSpec {
  std::chrono::milliseconds deadline{60'000};
};

struct DrainSpec {
  std::chrono::milliseconds timeout{25'000};
};

struct LimitSpec {
  std::optional<std::uint32_t> max_records_in_flight;
  config::ByteSize max_bytes_in_flight{config::kMaxBytesInFlight};
};

struct HttpSpec {
  std::string bind = "127.0.0.1";
  std::uint16_t port = 0;
  bool expose = false;
};

struct ThreadSpec {
  std::optional<std::uint32_t> pool;
  std::optional<std::uint32_t> runners;
};

enum class WantedGuarantee : std::uint8_t { at_least_once, exactly_once };

struct TopologySpec {
  std::int32_t version = 1;
  std::string worker;
  WantedGuarantee guarantee = WantedGuarantee::at_least_once;
  std::vector<std::pair<std::string, connectors::ClusterOptions>> clusters;
  std::vector<std::pair<std::string, SourceSpec>> sources;
  std::vector<std::pair<std::string, StageSpec>> stages;
  std::vector<std::pair<std::string, SinkSpec>> sinks;
  DeadLetterSpec dead_letters;
  CommitSpec commit;
  StartupSpec startup;
  DrainSpec drain;
  LimitSpec limits;
  std::optional<HttpSpec> http;
  ThreadSpec threads;
};

/// The declaration that the parser, the reference page, the JSON Schema and `config show` are made
/// of.
const config::Object<TopologySpec>& topology_schema();

}  // namespace millrace::worker
