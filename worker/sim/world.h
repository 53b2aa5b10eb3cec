#pragma once

#include "connectors/contract/sink.h"
#include "connectors/contract/source.h"
#include "worker/sim/random.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace millrace::worker {

/// What a record of the simulation is.
enum class Sort : std::uint8_t {
  plain,
  poison,
  not_finite,
  not_json,
  wrong_type,
  dropped,
  many_rows,
  no_rows
};

struct SimRecord {
  std::int64_t offset = 0;
  std::string key;
  Sort sort = Sort::plain;
};

/// How a record is to end.
enum class Due : std::uint8_t { published, dead_lettered, filtered };
Due due(Sort sort);

/// What outlives a worker: the logs, what was committed, and what has arrived. It judges every
/// commit.
class World {
 public:
  struct Partition {
    std::vector<SimRecord> records;
    std::int64_t committed = 0;
    std::string metadata;
  };

  explicit World(Random& random);

  std::vector<Partition>& partitions() { return partitions_; }

  /// A record has reached the topic of results, or that of dead letters. Order is that of the
  /// calls.
  void arrived(Due how, std::int32_t partition, std::int64_t offset);

  /// Takes a commit and checks that nothing below it is unfinished.
  void commit(std::int32_t partition, std::int64_t offset, const std::string& metadata);

  /// True when every record has ended.
  bool finished() const;

  /// Checks what can only be said at the end: fates and order. may_refuse: the sink has refused
  /// results.
  void judge(bool by_partition, bool by_key, bool may_repeat, bool may_refuse);

  void complain(std::string what) { violations_.push_back(std::move(what)); }

  const std::vector<std::string>& violations() const { return violations_; }

  std::size_t records() const;

  std::size_t arrivals() const { return order_.size(); }

 private:
  using Place = std::pair<std::int32_t, std::int64_t>;

  bool ended(std::int32_t partition, const SimRecord& record) const;

  std::vector<Partition> partitions_;
  std::map<Place, std::pair<std::size_t, std::size_t>> arrivals_;  // results, dead letters
  std::vector<std::pair<Due, Place>> order_;                       // of first and later arrivals
  std::vector<std::string> violations_;
};

/// What goes wrong, one in so many; 0 is never.
struct Faults {
  std::size_t source_away = 0;
  std::size_t commit_fails = 0;
  std::size_t revoke = 0;
  std::size_t lose = 0;
  std::size_t sink_full = 0;
  std::size_t sink_away = 0;  // everything that waits comes back as unavailable, not written
  std::size_t ack_lost = 0;   // one record comes back as unavailable although it was written
  std::size_t too_large = 0;
};

/// A source with the habits of Kafka over the world's logs.
std::unique_ptr<connectors::Source> make_sim_source(World& world,
                                                    Random& random,
                                                    const Faults& faults);

/// A sink whose verdicts come late and in any order, over the world's topics.
std::unique_ptr<connectors::Sink> make_sim_sink(World& world,
                                                Random& random,
                                                const Faults& faults,
                                                Due how);

/// The value of a record, and the record that a value came from.
std::string sim_value(std::int32_t partition, const SimRecord& record);
std::optional<std::pair<std::int32_t, std::int64_t>> sim_place(std::string_view value);

}  // namespace millrace::worker
