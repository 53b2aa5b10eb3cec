#pragma once

#include <chrono>
#include <memory>

#include <librdkafka/rdkafka.h>

namespace millrace::connectors {

/// Destroys a client within the deadline; else leaves it behind, says so in the log and returns
/// false.
///
/// rd_kafka_destroy() waits for ever for a message or list that somebody still holds, so it runs on
/// a thread that can be abandoned. A consumer must have left its group before.
bool destroy_within(rd_kafka_t* client, std::chrono::milliseconds deadline);

/// Destroys what librdkafka handed out. A handle that leaks would block rd_kafka_destroy() for
/// ever.
template <auto destroy>
struct Destroy {
  template <typename T>
  void operator()(T* handle) const {
    destroy(handle);
  }
};

struct DestroyClient {
  void operator()(rd_kafka_t* client) const {
    destroy_within(client, std::chrono::milliseconds(5'000));
  }
};

using ClientHandle = std::unique_ptr<rd_kafka_t, DestroyClient>;
using ConfHandle = std::unique_ptr<rd_kafka_conf_t, Destroy<rd_kafka_conf_destroy>>;
using TopicConfHandle =
    std::unique_ptr<rd_kafka_topic_conf_t, Destroy<rd_kafka_topic_conf_destroy>>;
using TopicHandle = std::unique_ptr<rd_kafka_topic_t, Destroy<rd_kafka_topic_destroy>>;
using ListHandle = std::unique_ptr<rd_kafka_topic_partition_list_t,
                                   Destroy<rd_kafka_topic_partition_list_destroy>>;
using QueueHandle = std::unique_ptr<rd_kafka_queue_t, Destroy<rd_kafka_queue_destroy>>;
using EventHandle = std::unique_ptr<rd_kafka_event_t, Destroy<rd_kafka_event_destroy>>;
using MessageHandle = std::unique_ptr<rd_kafka_message_t, Destroy<rd_kafka_message_destroy>>;
using ErrorHandle = std::unique_ptr<rd_kafka_error_t, Destroy<rd_kafka_error_destroy>>;
using HeadersHandle = std::unique_ptr<rd_kafka_headers_t, Destroy<rd_kafka_headers_destroy>>;
using MetadataHandle =
    std::unique_ptr<const rd_kafka_metadata_t, Destroy<rd_kafka_metadata_destroy>>;
using NewTopicHandle = std::unique_ptr<rd_kafka_NewTopic_t, Destroy<rd_kafka_NewTopic_destroy>>;

}  // namespace millrace::connectors
