#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::worker {

enum class RunState : std::uint8_t { starting, running, draining, done, failed };

std::string_view name(RunState state);

/// What an operator sees at one moment: the status page, the progress bar and the last log line are
/// made of it.
struct Snapshot {
  struct Partition {
    std::string source;
    std::string topic;
    std::int32_t partition = 0;
    std::int64_t position = 0;   // next offset to be read
    std::int64_t committed = 0;  // next offset after a restart
    std::int64_t end = -1;       // -1: unknown

    /// Records between the end of the partition and what is done; -1: unknown.
    std::int64_t lag() const { return end < 0 ? -1 : std::max<std::int64_t>(0, end - committed); }
  };

  struct Stage {
    std::string name;
    std::string kind;
    std::string detail;  // task, model type, device and dtype of a pipeline
    std::uint64_t batches = 0;
    std::uint64_t rows = 0;
    std::uint64_t tokens = 0;
    std::size_t budget_tokens = 0;
    std::size_t queued_rows = 0;
    double forward_p50_ms = 0;
  };

  struct Sink {
    std::string name;
    std::string target;
    std::uint64_t records = 0;
    std::size_t outstanding = 0;
  };

  struct Ledger {
    std::uint64_t received = 0, published = 0, filtered = 0, dead_lettered = 0, already_done = 0,
                  discarded = 0, in_flight = 0;

    bool balanced() const {
      return received ==
             published + filtered + dead_lettered + already_done + discarded + in_flight;
    }
  };

  std::string worker;
  std::string guarantee;
  RunState state = RunState::starting;
  bool ready = false;
  bool alive = true;  // every loop has ticked lately
  std::string stopped_because;
  std::chrono::milliseconds uptime{0};
  double records_per_second = 0;  // over the last seconds
  Ledger ledger;
  std::size_t in_flight_bytes = 0;
  bool paused = false;
  std::vector<Partition> partitions;
  std::vector<Stage> stages;
  std::vector<Sink> sinks;
  std::optional<std::uint64_t> bytes_read, bytes_total;  // bounded sources
};

}  // namespace millrace::worker
