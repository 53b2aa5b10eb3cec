#pragma once

#include "connectors/contract/source.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <librdkafka/rdkafka.h>

namespace millrace::connectors {

/// One partition while it is ours.
struct KafkaLease {
  LeaseId id = 0;
  std::string_view topic;
  std::int32_t partition = 0;
  std::int64_t next = 0;        // no record below this offset is handed out (again)
  std::int64_t committed = -1;  // what the broker has confirmed
  bool paused = false;
  bool revoking = false;
  std::optional<Position> wanted;     // to be committed next
  std::optional<Position> in_flight;  // sent, not answered
  std::int64_t end = -1;              // of the log, as last seen

  /// Returns the offset below which a commit would go backwards.
  std::int64_t floor() const;

  /// Notes where the log ends. Returns where it ended before if it has become shorter: a log that
  /// only grows has lost its tail with its leader, or the topic was made anew.
  std::optional<std::int64_t> note_end(std::int64_t seen);
};

/// The partitions that are ours, found by lease, by name, or by a message of theirs.
class LeaseTable {
 public:
  KafkaLease& add(KafkaLease lease);
  void remove(LeaseId id);

  KafkaLease* find(LeaseId id);
  KafkaLease* find(std::string_view topic, std::int32_t partition);

  /// The hot one: messages of a partition come in runs, so the last answer is mostly the next one.
  KafkaLease* find(const rd_kafka_message_t& message) {
    if (message.rkt == last_.topic && message.partition == last_.partition) return last_.lease;
    return find_slowly(message);
  }

  const std::map<LeaseId, std::unique_ptr<KafkaLease>>& all() const { return leases_; }

 private:
  struct Route {
    const rd_kafka_topic_t* topic = nullptr;
    std::int32_t partition = -1;
    KafkaLease* lease = nullptr;
  };

  KafkaLease* find_slowly(const rd_kafka_message_t& message);
  void forget_routes();

  std::map<LeaseId, std::unique_ptr<KafkaLease>> leases_;
  Route last_;
  // Topic handles may be re-used once no partition of theirs is assigned, so routes end with every
  // change of leases.
  std::map<std::pair<const rd_kafka_topic_t*, std::int32_t>, KafkaLease*> routes_;
};

}  // namespace millrace::connectors
