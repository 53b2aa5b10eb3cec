#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace millrace::tests {

/// A record as the broker keeps it: null and empty are told apart.
struct Message {
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
  std::int32_t partition = 0;
  std::int64_t offset = -1;        // set by read()
  std::int64_t timestamp_ms = -1;  // −1 when producing: now
  bool untimed = false;            // produced with the time −1, which stands for none

  /// Returns the last header of that name that has a value.
  std::optional<std::string> header(const std::string& name) const;
};

/// Offsets by partition.
using Offsets = std::map<std::int32_t, std::int64_t>;

std::int64_t sum(const Offsets& offsets);

/// A client of its own beside the worker's: it writes, reads back and asks, and waits for every
/// answer.
///
/// Every call throws std::runtime_error when the broker does not answer as hoped for, so that a
/// test ends there. Calls survive a broker that is away for less than a minute. Confined to one
/// thread.
class KafkaClient {
 public:
  using Settings = std::map<std::string, std::string>;

  /// settings: of librdkafka, for example security.protocol.
  explicit KafkaClient(std::string bootstrap, Settings settings = {});
  ~KafkaClient();
  KafkaClient(const KafkaClient&) = delete;
  KafkaClient& operator=(const KafkaClient&) = delete;

  /// Writes the messages to the partitions they name, in order, exactly once each; returns when all
  /// are acknowledged.
  void produce(const std::string& topic, const std::vector<Message>& messages);

  /// Hands every record between the beginning and what is the end now to `visit`, partition by
  /// partition in order.
  void visit(const std::string& topic, const std::function<void(Message)>& visit);

  /// Returns these records.
  std::vector<Message> read(const std::string& topic);

  /// Returns the offset after the last record of each partition.
  Offsets ends(const std::string& topic);

  /// Returns the sum of ends(): the number of records of a topic from which nothing was deleted.
  std::int64_t count(const std::string& topic);

  /// Returns what the group has committed; 0 where it has not.
  Offsets committed(const std::string& group, const std::string& topic);

  /// Commits for a group without members.
  void commit(const std::string& group, const std::string& topic, const Offsets& offsets);

  /// Returns the number of records that the group has not committed.
  std::int64_t lag(const std::string& group, const std::string& topic);

  /// Returns the number of members that own at least one partition.
  std::size_t owners(const std::string& group);

 private:
  struct Handles;
  std::string bootstrap_;
  Settings settings_;
  std::unique_ptr<Handles> handles_;
};

/// Looks again and again whether it holds; says whether it did before the deadline.
bool wait_until(std::chrono::milliseconds deadline,
                const std::function<bool()>& holds,
                std::chrono::milliseconds period = std::chrono::milliseconds(10));

}  // namespace millrace::tests
