#include "connectors/kafka/leases.h"

#include <algorithm>
#include <utility>

namespace millrace::connectors {

std::int64_t KafkaLease::floor() const {
  std::int64_t highest = committed;
  if (in_flight) highest = std::max(highest, in_flight->offset);
  if (wanted) highest = std::max(highest, wanted->offset);
  return highest;
}

std::optional<std::int64_t> KafkaLease::note_end(std::int64_t seen) {
  const std::int64_t before = std::exchange(end, seen);
  return seen < before ? std::optional(before) : std::nullopt;
}

KafkaLease& LeaseTable::add(KafkaLease lease) {
  forget_routes();
  const LeaseId id = lease.id;
  return *leases_.emplace(id, std::make_unique<KafkaLease>(std::move(lease))).first->second;
}

void LeaseTable::remove(LeaseId id) {
  forget_routes();
  leases_.erase(id);
}

KafkaLease* LeaseTable::find(LeaseId id) {
  const auto found = leases_.find(id);
  return found == leases_.end() ? nullptr : found->second.get();
}

KafkaLease* LeaseTable::find(std::string_view topic, std::int32_t partition) {
  for (const auto& [id, lease] : leases_) {
    if (lease->partition == partition && lease->topic == topic) return lease.get();
  }
  return nullptr;
}

KafkaLease* LeaseTable::find_slowly(const rd_kafka_message_t& message) {
  const auto [route, is_new] = routes_.try_emplace({message.rkt, message.partition}, nullptr);
  if (is_new) route->second = find(rd_kafka_topic_name(message.rkt), message.partition);
  last_ = {message.rkt, message.partition, route->second};
  return route->second;
}

void LeaseTable::forget_routes() {
  routes_.clear();
  last_ = {};
}

}  // namespace millrace::connectors
