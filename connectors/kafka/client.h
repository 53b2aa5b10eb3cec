#pragma once

#include "config/base/result.h"
#include "connectors/kafka/handles.h"
#include "connectors/kafka/settings.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <librdkafka/rdkafka.h>

namespace millrace::connectors {

/// Turns a librdkafka code and its text into our error.
///
/// denied KAFKA_DENIED (password, ACL, certificate), unavailable KAFKA_UNREACHABLE (transport,
/// brokers and coordinators on the move), not_found TOPIC_MISSING, fenced KAFKA_FENCED,
/// invalid_input TOO_LARGE, else internal KAFKA_FAILED. `doing` says what was tried: `fetch from
/// orders[3]`.
Error kafka_error(rd_kafka_resp_err_t code, std::string_view doing, std::string_view text = {});

/// Makes a text of the library one line without memory addresses.
std::string clean(std::string_view text);

/// A librdkafka client together with what its callbacks have told us. Confined to one thread.
///
/// Callbacks run only inside calls of the owner (logs go through the client's queue), so they never
/// block the library's threads and need no lock.
class Client {
 public:
  using Rebalanced = void (*)(rd_kafka_t*,
                              rd_kafka_resp_err_t,
                              rd_kafka_topic_partition_list_t*,
                              void*);
  using Delivered = void (*)(rd_kafka_t*, const rd_kafka_message_t*, void*);

  /// What a client calls back, with `owner` as the opaque.
  struct Callbacks {
    Rebalanced rebalanced = nullptr;
    Delivered delivered = nullptr;
    void* owner = nullptr;
  };

  /// Makes a client; nothing is connected yet. Errors: invalid_input BAD_KAFKA_OPTION, unsupported
  /// KAFKA_VERSION.
  static Result<std::unique_ptr<Client>> make(rd_kafka_type_t type,
                                              const Settings& settings,
                                              Callbacks callbacks);

  ~Client() = default;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  rd_kafka_t* handle() const { return handle_.get(); }

  /// Waits until a broker answers. Errors: denied at once, unavailable when the deadline is over.
  Result<void> connect(std::chrono::milliseconds deadline);

  /// Returns the number of partitions of a topic, and so warms up what the client knows about it.
  /// Errors: not_found TOPIC_MISSING, denied, unavailable.
  Result<std::int32_t> partitions_of(const std::string& topic, std::chrono::milliseconds deadline);

  /// Joins all queues of a consumer into the one that rd_kafka_consumer_poll() serves.
  void become_consumer();

  /// Takes what is worth an outage: no broker is left, or we are denied.
  std::optional<Error> take_outage();

  /// Forgets the client without destroying it: a close that hangs must not hang the process.
  void abandon() { static_cast<void>(handle_.release()); }

 private:
  Client() = default;

  static void on_error(rd_kafka_t*, int code, const char* reason, void* opaque);
  static void on_log(const rd_kafka_t* client, int level, const char* facility, const char* text);
  static void on_rebalance(rd_kafka_t*,
                           rd_kafka_resp_err_t,
                           rd_kafka_topic_partition_list_t*,
                           void*);
  static void on_delivery(rd_kafka_t*, const rd_kafka_message_t*, void*);

  /// Facilities that spoke lately, so that an outage is one line and not one per retry.
  struct Spoken {
    std::chrono::steady_clock::time_point at;
    std::uint64_t held_back = 0;
  };

  void serve();

  Callbacks callbacks_;
  bool is_consumer_ = false;
  std::optional<Error> failure_;
  bool all_down_ = false;
  int denials_ = 0;  // in a row
  std::chrono::steady_clock::time_point last_denial_;
  std::map<std::string, Spoken> spoken_;
  ClientHandle handle_;  // destroyed first: callbacks use the rest
};

/// Creates an empty list for `size` partitions.
inline ListHandle make_list(std::size_t size) {
  return ListHandle(rd_kafka_topic_partition_list_new(static_cast<int>(size)));
}

inline int timeout_ms(std::chrono::milliseconds duration) {
  return static_cast<int>(std::max<std::chrono::milliseconds::rep>(0, duration.count()));
}

/// Returns what is left until an instant, never negative.
inline std::chrono::milliseconds left_until(std::chrono::steady_clock::time_point instant) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      instant - std::chrono::steady_clock::now());
  return std::max(left, std::chrono::milliseconds(0));
}

}  // namespace millrace::connectors
