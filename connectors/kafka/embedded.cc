#include "connectors/kafka/embedded.h"

#include "connectors/kafka/capability.h"
#include "connectors/kafka/client.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka_mock.h>

// Everything that touches the experimental mock API is in this file.

namespace millrace::connectors {
namespace {

using MockHandle = std::unique_ptr<rd_kafka_mock_cluster_t, Destroy<rd_kafka_mock_cluster_destroy>>;

}  // namespace

struct EmbeddedCluster::State {
  std::unique_ptr<Client> client;
  MockHandle cluster;  // destroyed before the client it lives in
  std::string bootstraps;
};

EmbeddedCluster::EmbeddedCluster() : state_(std::make_unique<State>()) {}

EmbeddedCluster::~EmbeddedCluster() = default;

Result<std::unique_ptr<EmbeddedCluster>> EmbeddedCluster::start(int brokers) {
  std::unique_ptr<EmbeddedCluster> embedded(new EmbeddedCluster());
  auto client =
      Client::make(RD_KAFKA_PRODUCER, {{"client.id", "embedded"}, {"log.queue", "true"}}, {});
  if (!client) return std::move(client).error();
  State& state = *embedded->state_;
  state.client = *std::move(client);
  state.cluster.reset(rd_kafka_mock_cluster_new(state.client->handle(), brokers));
  if (!state.cluster) {
    return error(Errc::unavailable,
                 "KAFKA_UNREACHABLE",
                 "the embedded broker cannot listen on the loopback interface");
  }
  state.bootstraps = rd_kafka_mock_cluster_bootstraps(state.cluster.get());
  // The mock lets a group wait three seconds for its first member unless it is told otherwise,
  // which 2.0.2 cannot be.
  using SetDelay = void (*)(rd_kafka_mock_cluster_t*, std::int32_t);
  if (auto set_delay = reinterpret_cast<SetDelay>(
          newer_function("rd_kafka_mock_group_initial_rebalance_delay_ms"))) {
    set_delay(state.cluster.get(), 0);
  }
  return embedded;
}

const std::string& EmbeddedCluster::bootstraps() const { return state_->bootstraps; }

Result<void> EmbeddedCluster::create_topic(const std::string& name, int partitions) {
  const auto code = rd_kafka_mock_topic_create(state_->cluster.get(), name.c_str(), partitions, 1);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
    return {};
  return kafka_error(code, fmt::format("create topic '{}'", name));
}

void EmbeddedCluster::fail_next(KafkaRequest request, const std::vector<int>& codes) {
  std::vector<rd_kafka_resp_err_t> errors;
  for (const int code : codes) errors.push_back(static_cast<rd_kafka_resp_err_t>(code));
  rd_kafka_mock_push_request_errors_array(
      state_->cluster.get(), static_cast<std::int16_t>(request), errors.size(), errors.data());
}

void EmbeddedCluster::set_topic_error(const std::string& topic, int code) {
  rd_kafka_mock_topic_set_error(
      state_->cluster.get(), topic.c_str(), static_cast<rd_kafka_resp_err_t>(code));
}

void EmbeddedCluster::set_down(int broker, bool down) {
  if (down) {
    rd_kafka_mock_broker_set_down(state_->cluster.get(), broker);
  } else {
    rd_kafka_mock_broker_set_up(state_->cluster.get(), broker);
  }
}

void EmbeddedCluster::set_round_trip(int broker, std::chrono::milliseconds round_trip) {
  rd_kafka_mock_broker_set_rtt(state_->cluster.get(), broker, timeout_ms(round_trip));
}

}  // namespace millrace::connectors
