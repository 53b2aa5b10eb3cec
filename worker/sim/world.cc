#include "worker/sim/world.h"

#include "worker/flow/completion_map.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <tuple>

#include <fmt/format.h>

namespace millrace::worker {
namespace {

constexpr std::array<Sort, 8> kSorts = {Sort::plain,
                                        Sort::poison,
                                        Sort::not_finite,
                                        Sort::not_json,
                                        Sort::wrong_type,
                                        Sort::dropped,
                                        Sort::many_rows,
                                        Sort::no_rows};

std::optional<std::int64_t> number_after(std::string_view text, std::string_view mark) {
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return std::nullopt;
  std::int64_t number = 0;
  const char* begin = text.data() + at + mark.size();
  const auto [end, failed] = std::from_chars(begin, text.data() + text.size(), number);
  if (failed != std::errc() || end == begin) return std::nullopt;
  return number;
}

}  // namespace

Due due(Sort sort) {
  switch (sort) {
    case Sort::plain:
    case Sort::many_rows:
    case Sort::no_rows:
      return Due::published;
    case Sort::dropped:
      return Due::filtered;
    default:
      return Due::dead_lettered;
  }
}

std::string sim_value(std::int32_t partition, const SimRecord& record) {
  if (record.sort == Sort::not_json)
    return fmt::format("{{\"p\":{},\"o\":{},", partition, record.offset);
  return fmt::format(
      "{{\"p\":{},\"o\":{},\"sort\":{}}}", partition, record.offset, static_cast<int>(record.sort));
}

std::optional<std::pair<std::int32_t, std::int64_t>> sim_place(std::string_view value) {
  const auto partition = number_after(value, "\"p\":");
  const auto offset = number_after(value, "\"o\":");
  if (!partition || !offset) return std::nullopt;
  return std::pair(static_cast<std::int32_t>(*partition), *offset);
}

World::World(Random& random) {
  partitions_.resize(random.between(1, 4));
  const std::size_t bad_one_in = random.between(4, 40);
  for (Partition& partition : partitions_) {
    std::int64_t offset = static_cast<std::int64_t>(random.below(5));
    const std::size_t count = random.between(20, 160);
    for (std::size_t i = 0; i < count; ++i) {
      // Compaction and transaction markers leave holes.
      if (random.one_in(12)) offset += static_cast<std::int64_t>(random.between(1, 5));
      SimRecord record;
      record.offset = offset++;
      record.key = fmt::format("k{}", random.below(6));
      if (random.one_in(bad_one_in)) record.sort = kSorts[random.below(kSorts.size())];
      partition.records.push_back(std::move(record));
    }
  }
}

std::size_t World::records() const {
  std::size_t count = 0;
  for (const Partition& partition : partitions_) count += partition.records.size();
  return count;
}

void World::arrived(Due how, std::int32_t partition, std::int64_t offset) {
  auto& [results, letters] = arrivals_[{partition, offset}];
  (how == Due::published ? results : letters) += 1;
  order_.push_back({how, {partition, offset}});
}

bool World::ended(std::int32_t partition, const SimRecord& record) const {
  if (due(record.sort) == Due::filtered) return true;  // leaves no trace
  return arrivals_.count({partition, record.offset}) != 0;
}

void World::commit(std::int32_t partition, std::int64_t offset, const std::string& metadata) {
  Partition& log = partitions_[static_cast<std::size_t>(partition)];
  if (offset < log.committed) {
    complain(fmt::format("partition {}: committed {} after {}", partition, offset, log.committed));
  }
  for (const SimRecord& record : log.records) {
    if (record.offset < offset && !ended(partition, record)) {
      complain(fmt::format(
          "partition {}: committed {} while {} has not ended", partition, offset, record.offset));
      break;
    }
  }
  if (!metadata.empty()) {
    const auto map = decode_completion_map(metadata);
    if (!map) {
      complain(fmt::format(
          "partition {}: the completion map cannot be read: {}", partition, map.error().text()));
    } else {
      for (const OffsetRun& run : map->runs) {
        for (const SimRecord& record : log.records) {
          if (record.offset >= run.first && record.offset < run.end && !ended(partition, record)) {
            complain(fmt::format(
                "partition {}: the map says that {} is done", partition, record.offset));
          }
        }
      }
    }
  }
  log.committed = offset;
  log.metadata = metadata;
}

bool World::finished() const {
  for (std::size_t p = 0; p < partitions_.size(); ++p) {
    const Partition& partition = partitions_[p];
    if (partition.committed <= partition.records.back().offset) return false;
  }
  return true;
}

void World::judge(bool by_partition, bool by_key, bool may_repeat, bool may_refuse) {
  for (std::size_t p = 0; p < partitions_.size(); ++p) {
    for (const SimRecord& record : partitions_[p].records) {
      const auto found = arrivals_.find({static_cast<std::int32_t>(p), record.offset});
      const auto [results, letters] =
          found == arrivals_.end() ? std::pair<std::size_t, std::size_t>() : found->second;
      const std::string where = fmt::format("partition {} offset {}", p, record.offset);
      switch (due(record.sort)) {
        case Due::published:
          if (results + letters == 0) complain(where + " is lost");
          if (letters > 0 && !may_refuse) complain(where + " is a dead letter");
          break;
        case Due::dead_lettered:
          if (letters == 0) complain(where + " has no dead letter");
          if (results > 0) complain(where + " was published although it is bad");
          break;
        case Due::filtered:
          if (results + letters > 0) complain(where + " was to end silently");
          break;
      }
      if (!may_repeat && results + letters > 1)
        complain(where + " came twice though nothing went wrong");
    }
  }
  if (!by_partition && !by_key) return;
  // Order is that of first arrivals, on each topic: a repetition comes when it comes.
  std::set<std::pair<Due, Place>> seen;
  std::map<std::tuple<Due, std::int32_t, std::string>, std::int64_t> last;
  for (const auto& [how, place] : order_) {
    if (!seen.insert({how, place}).second) continue;
    const auto& records = partitions_[static_cast<std::size_t>(place.first)].records;
    const auto record = std::find_if(records.begin(), records.end(), [&](const SimRecord& known) {
      return known.offset == place.second;
    });
    if (record == records.end()) {
      complain(fmt::format("partition {}: offset {} does not exist", place.first, place.second));
      continue;
    }
    // A result that the sink refuses becomes a dead letter after its turn.
    if (how != due(record->sort)) continue;
    auto& before =
        last.try_emplace({how, place.first, by_key ? record->key : ""}, -1).first->second;
    if (place.second < before) {
      complain(fmt::format("partition {}: {} arrived after {}", place.first, place.second, before));
    }
    before = std::max(before, place.second);
  }
}

namespace {

using connectors::LeaseId;
using std::chrono::milliseconds;

bool strikes(Random& random, std::size_t one_in) { return one_in != 0 && random.one_in(one_in); }

class SimSource final : public connectors::Source {
 public:
  SimSource(World& world, Random& random, const Faults& faults)
      : world_(world), random_(random), faults_(faults), owned_(world.partitions().size()) {}

  Result<void> open() override { return {}; }

  Result<connectors::Polled> poll(milliseconds, std::size_t max_records) override {
    if (strikes(random_, faults_.source_away) || std::exchange(commit_failed_, false)) {
      return error(Errc::unavailable, "KAFKA_UNREACHABLE", "simulated");
    }
    connectors::Polled polled;
    rebalance(polled.events);
    for (std::size_t i = 0; i < owned_.size() && polled.records.size() < max_records; ++i) {
      const std::size_t p = (turn_ + i) % owned_.size();
      hand_out(p, 1 + random_.below(max_records - polled.records.size()), polled.records);
    }
    ++turn_;
    return polled;
  }

  void pause(std::span<const LeaseId> leases) override {
    for (Owned& owned : owned_) {
      if (std::find(leases.begin(), leases.end(), owned.lease) != leases.end()) owned.paused = true;
    }
  }

  void resume(std::span<const LeaseId> leases) override {
    for (Owned& owned : owned_) {
      if (std::find(leases.begin(), leases.end(), owned.lease) != leases.end())
        owned.paused = false;
    }
  }

  Result<void> commit(std::span<const connectors::Position> positions) override {
    if (strikes(random_, faults_.commit_fails)) {
      commit_failed_ = true;
      return {};
    }
    take(positions);
    return {};
  }

  Result<void> release(std::span<const LeaseId> leases,
                       std::span<const connectors::Position> positions) override {
    take(positions);
    for (Owned& owned : owned_) {
      if (std::find(leases.begin(), leases.end(), owned.lease) != leases.end()) owned = {};
    }
    return {};
  }

  Result<void> close(std::span<const connectors::Position> positions, milliseconds) override {
    take(positions);
    return {};
  }

  connectors::SourceProgress progress() const override {
    connectors::SourceProgress progress;
    for (std::size_t p = 0; p < owned_.size(); ++p) {
      if (owned_[p].lease == 0) continue;
      progress.partitions.push_back(
          {"sim", static_cast<std::int32_t>(p), owned_[p].lease, position(p), -1});
    }
    return progress;
  }

  bool keeps_positions() const override { return true; }

 private:
  struct Owned {
    LeaseId lease = 0;
    std::size_t next = 0;  // index into the records
    bool paused = false;
    bool revoking = false;
  };

  std::int64_t position(std::size_t p) const {
    const auto& records = world_.partitions()[p].records;
    return owned_[p].next < records.size() ? records[owned_[p].next].offset
                                           : records.back().offset + 1;
  }

  void rebalance(std::vector<connectors::SourceEvent>& events) {
    for (std::size_t p = 0; p < owned_.size(); ++p) {
      Owned& owned = owned_[p];
      if (owned.lease == 0) {
        const World::Partition& log = world_.partitions()[p];
        owned.lease = connectors::new_lease();
        owned.next = static_cast<std::size_t>(
            std::find_if(log.records.begin(),
                         log.records.end(),
                         [&](const SimRecord& record) { return record.offset >= log.committed; }) -
            log.records.begin());
        events.emplace_back(connectors::Assigned{
            owned.lease, "sim", static_cast<std::int32_t>(p), log.committed, log.metadata});
      } else if (!owned.revoking && strikes(random_, faults_.revoke)) {
        owned.revoking = true;
        events.emplace_back(
            connectors::Revoking{owned.lease, milliseconds(random_.between(1, 200))});
      } else if (strikes(random_, faults_.lose)) {
        events.emplace_back(connectors::Lost{owned.lease});
        owned = {};
      }
    }
  }

  void hand_out(std::size_t p, std::size_t most, std::vector<connectors::Record>& out) {
    Owned& owned = owned_[p];
    const auto& records = world_.partitions()[p].records;
    if (owned.lease == 0 || owned.paused || owned.revoking) return;
    for (; most > 0 && owned.next < records.size(); --most, ++owned.next) {
      const SimRecord& from = records[owned.next];
      connectors::Record record;
      record.origin = {"sim", static_cast<std::int32_t>(p), from.offset, owned.lease};
      record.key = Bytes::copy_of(from.key);
      record.value = Bytes::copy_of(sim_value(static_cast<std::int32_t>(p), from));
      record.size_bytes = record.key.size() + record.value.size();
      out.push_back(std::move(record));
    }
  }

  void take(std::span<const connectors::Position> positions) {
    for (const connectors::Position& position : positions) {
      const auto owner = std::find_if(owned_.begin(), owned_.end(), [&](const Owned& owned) {
        return owned.lease == position.lease;
      });
      if (owner == owned_.end() || position.lease == 0) {
        world_.complain("a position was committed for a lease that is gone");
        continue;
      }
      world_.commit(
          static_cast<std::int32_t>(owner - owned_.begin()), position.offset, position.metadata);
    }
  }

  World& world_;
  Random& random_;
  const Faults& faults_;
  std::vector<Owned> owned_;
  std::size_t turn_ = 0;
  bool commit_failed_ = false;
};

class SimSink final : public connectors::Sink {
 public:
  SimSink(World& world, Random& random, const Faults& faults, Due how)
      : world_(world), random_(random), faults_(faults), how_(how) {}

  /// A producer that dies may have sent what waited, in order, up to any point.
  ~SimSink() override { append(random_.below(waiting_.size() + 1)); }

  SimSink(const SimSink&) = delete;
  SimSink& operator=(const SimSink&) = delete;

  Result<void> open() override { return {}; }

  Result<connectors::Accepted> write(connectors::OutRecord& record, std::uint64_t opaque) override {
    if (strikes(random_, faults_.sink_full)) return connectors::Accepted::full;
    const auto place = sim_place(record.value.view());
    if (!place) {
      world_.complain("something else was written");
      return connectors::Accepted::full;
    }
    // The same record is refused every time, as a broker does.
    const bool refused =
        faults_.too_large != 0 && place->second % static_cast<std::int64_t>(faults_.too_large) == 0;
    if (how_ == Due::published && refused) {
      return error(Errc::invalid_input, "TOO_LARGE", "simulated");
    }
    waiting_.push_back({*place, opaque, false});
    return connectors::Accepted::yes;
  }

  Result<void> poll(milliseconds, std::vector<connectors::Verdict>& verdicts) override {
    if (waiting_.empty()) return {};
    if (strikes(random_, faults_.sink_away)) {
      // What was not sent comes back, all of it: what follows a lost record does not overtake it.
      for (const Waiting& record : waiting_) {
        std::optional<Error> problem;
        if (!record.sent) problem = error(Errc::unavailable, "KAFKA_UNREACHABLE", "simulated");
        verdicts.push_back({record.opaque, problem});
      }
      waiting_.clear();
      return {};
    }
    append(random_.below(waiting_.size() + 1));
    // Verdicts of what was sent, in any order.
    for (std::size_t i = 0; i < waiting_.size();) {
      if (!waiting_[i].sent || random_.one_in(3)) {
        ++i;
        continue;
      }
      std::optional<Error> problem;
      if (strikes(random_, faults_.ack_lost))
        problem = error(Errc::unavailable, "KAFKA_UNREACHABLE", "simulated");
      verdicts.push_back({waiting_[i].opaque, problem});
      waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    return {};
  }

  Result<void> flush() override { return {}; }

  Result<void> close(milliseconds) override { return {}; }

  std::size_t outstanding() const override { return waiting_.size(); }

 private:
  struct Waiting {
    std::pair<std::int32_t, std::int64_t> place;
    std::uint64_t opaque = 0;
    bool sent = false;
  };

  void append(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      if (waiting_[i].sent) continue;
      waiting_[i].sent = true;
      world_.arrived(how_, waiting_[i].place.first, waiting_[i].place.second);
    }
  }

  World& world_;
  Random& random_;
  const Faults& faults_;
  Due how_;
  std::vector<Waiting> waiting_;
};

}  // namespace

std::unique_ptr<connectors::Source> make_sim_source(World& world,
                                                    Random& random,
                                                    const Faults& faults) {
  return std::make_unique<SimSource>(world, random, faults);
}

std::unique_ptr<connectors::Sink> make_sim_sink(World& world,
                                                Random& random,
                                                const Faults& faults,
                                                Due how) {
  return std::make_unique<SimSink>(world, random, faults, how);
}

}  // namespace millrace::worker
