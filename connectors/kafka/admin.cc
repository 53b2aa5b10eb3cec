#include "connectors/kafka/admin.h"

#include "connectors/kafka/client.h"

#include <fmt/format.h>

namespace millrace::connectors {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

class KafkaAdmin final : public Admin {
 public:
  explicit KafkaAdmin(std::unique_ptr<Client> client) : client_(std::move(client)) {}

  Result<std::vector<TopicInfo>> topics(const std::vector<std::string>& names,
                                        milliseconds deadline) override {
    const auto until = steady_clock::now() + deadline;
    if (auto connected = client_->connect(deadline); !connected)
      return std::move(connected).error();
    std::vector<TopicInfo> all;
    for (const std::string& name : names) {
      auto partitions = client_->partitions_of(name, left_until(until));
      if (!partitions && partitions.error().kind != Errc::not_found)
        return std::move(partitions).error();
      all.push_back({.name = name,
                     .partitions = partitions ? *partitions : 0,
                     .exists = partitions.has_value()});
    }
    return all;
  }

  Result<void> create_topic(const std::string& name,
                            std::int32_t partitions,
                            milliseconds deadline) override {
    const std::string doing = fmt::format("create topic '{}'", name);
    if (auto connected = client_->connect(deadline); !connected) return connected;
    char text[512];
    // Replication −1 leaves it to the broker's default.
    const NewTopicHandle topic(
        rd_kafka_NewTopic_new(name.c_str(), partitions, -1, text, sizeof(text)));
    if (!topic) return kafka_error(RD_KAFKA_RESP_ERR__INVALID_ARG, doing, text);
    const QueueHandle queue(rd_kafka_queue_new(client_->handle()));
    rd_kafka_NewTopic_t* topics[] = {topic.get()};
    rd_kafka_CreateTopics(client_->handle(), topics, 1, nullptr, queue.get());
    const EventHandle event(rd_kafka_queue_poll(queue.get(), timeout_ms(deadline)));
    if (!event) return kafka_error(RD_KAFKA_RESP_ERR__TIMED_OUT, doing);
    if (const auto code = rd_kafka_event_error(event.get()); code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return kafka_error(code, doing, rd_kafka_event_error_string(event.get()));
    }
    std::size_t count = 0;
    const auto** results = rd_kafka_CreateTopics_result_topics(
        rd_kafka_event_CreateTopics_result(event.get()), &count);
    for (std::size_t i = 0; i < count; ++i) {
      const auto code = rd_kafka_topic_result_error(results[i]);
      if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        continue;
      const char* said = rd_kafka_topic_result_error_string(results[i]);
      return kafka_error(code, doing, said == nullptr ? "" : said);
    }
    return {};
  }

  Result<std::pair<std::int64_t, std::int64_t>> watermarks(const std::string& topic,
                                                           std::int32_t partition,
                                                           milliseconds deadline) override {
    std::int64_t low = 0;
    std::int64_t high = 0;
    const auto code = rd_kafka_query_watermark_offsets(
        client_->handle(), topic.c_str(), partition, &low, &high, timeout_ms(deadline));
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return kafka_error(code, fmt::format("ask for the offsets of {}[{}]", topic, partition));
    }
    return std::pair(low, high);
  }

 private:
  std::unique_ptr<Client> client_;
};

}  // namespace

Result<std::unique_ptr<Admin>> make_kafka_admin(const ClusterOptions& cluster,
                                                const KafkaEnvironment& environment) {
  auto client = Client::make(RD_KAFKA_CONSUMER, scout_settings(cluster, environment), {});
  if (!client) return std::move(client).error();
  return std::unique_ptr<Admin>(std::make_unique<KafkaAdmin>(*std::move(client)));
}

}  // namespace millrace::connectors
