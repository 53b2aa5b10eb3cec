#include "tests/support/kafka_client.h"

#include <algorithm>
#include <stdexcept>

#include <librdkafka/rdkafka.h>
#include <poll.h>

namespace millrace::tests {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kPatienceMs = 60'000;
constexpr int kPollMs = 100;

struct Destroy {
  void operator()(rd_kafka_t* handle) const { rd_kafka_destroy(handle); }

  void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }

  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }

  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }

  void operator()(const rd_kafka_metadata_t* metadata) const {
    rd_kafka_metadata_destroy(metadata);
  }

  void operator()(const struct rd_kafka_group_list* list) const {
    rd_kafka_group_list_destroy(list);
  }
};

using Handle = std::unique_ptr<rd_kafka_t, Destroy>;
using Topic = std::unique_ptr<rd_kafka_topic_t, Destroy>;
using List = std::unique_ptr<rd_kafka_topic_partition_list_t, Destroy>;

void require(rd_kafka_resp_err_t code, const std::string& doing) {
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
    throw std::runtime_error(doing + ": " + rd_kafka_err2str(code));
}

/// Counts the acknowledgements of one produce() call.
struct Delivery {
  std::size_t left = 0;
  rd_kafka_resp_err_t failed = RD_KAFKA_RESP_ERR_NO_ERROR;
};

void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  auto* delivery = static_cast<Delivery*>(opaque);
  --delivery->left;
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) delivery->failed = message->err;
}

/// The library would print every reconnect of a test that stops the broker.
void keep_quiet(const rd_kafka_t*, int, const char*, const char*) {}

Handle make_handle(rd_kafka_type_t type,
                   const KafkaClient::Settings& settings,
                   Delivery* delivery) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  char reason[512];
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), reason, sizeof reason) !=
        RD_KAFKA_CONF_OK) {
      rd_kafka_conf_destroy(conf);
      throw std::runtime_error(reason);
    }
  }
  rd_kafka_conf_set_log_cb(conf, keep_quiet);
  if (delivery != nullptr) {
    rd_kafka_conf_set_opaque(conf, delivery);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  }
  rd_kafka_t* handle = rd_kafka_new(type, conf, reason, sizeof reason);
  if (handle == nullptr) {
    rd_kafka_conf_destroy(conf);
    throw std::runtime_error(reason);
  }
  return Handle(handle);
}

/// Asks again until it works or patience ends: a topic just made, or a broker just back, needs a
/// moment.
template <typename Ask>
void insist(const std::string& doing, const Ask& ask) {
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  const auto done = [&] { return (code = ask()) == RD_KAFKA_RESP_ERR_NO_ERROR; };
  if (!wait_until(milliseconds(kPatienceMs), done)) require(code, doing);
}

std::int32_t partitions_of(rd_kafka_t* handle, const std::string& name) {
  const Topic topic(rd_kafka_topic_new(handle, name.c_str(), nullptr));
  std::int32_t partitions = 0;
  insist("metadata of " + name, [&] {
    const struct rd_kafka_metadata* raw = nullptr;
    const auto code = rd_kafka_metadata(handle, 0, topic.get(), &raw, 1000);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return code;
    const std::unique_ptr<const rd_kafka_metadata_t, Destroy> metadata(raw);
    if (metadata->topic_cnt != 1) return RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    partitions = metadata->topics[0].partition_cnt;
    return partitions > 0 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
  });
  return partitions;
}

rd_kafka_headers_t* make_headers(const Message& message) {
  rd_kafka_headers_t* headers = rd_kafka_headers_new(message.headers.size());
  for (const auto& [name, value] : message.headers) {
    rd_kafka_header_add(headers,
                        name.data(),
                        static_cast<ssize_t>(name.size()),
                        value ? value->data() : nullptr,
                        value ? static_cast<ssize_t>(value->size()) : 0);
  }
  return headers;
}

rd_kafka_resp_err_t produce_one(rd_kafka_t* producer,
                                const std::string& topic,
                                const Message& message) {
  rd_kafka_headers_t* headers = message.headers.empty() ? nullptr : make_headers(message);
  const auto bytes = [](const std::optional<std::string>& text) {
    return text ? const_cast<char*>(text->data()) : nullptr;  // copied by the library
  };
  rd_kafka_vu_t fields[7] = {};
  std::size_t count = 0;
  fields[count].vtype = RD_KAFKA_VTYPE_TOPIC;
  fields[count++].u.cstr = topic.c_str();
  fields[count].vtype = RD_KAFKA_VTYPE_PARTITION;
  fields[count++].u.i32 = message.partition;
  fields[count].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  fields[count++].u.i = RD_KAFKA_MSG_F_COPY;
  fields[count].vtype = RD_KAFKA_VTYPE_KEY;
  fields[count++].u.mem = {bytes(message.key), message.key ? message.key->size() : 0};
  fields[count].vtype = RD_KAFKA_VTYPE_VALUE;
  fields[count++].u.mem = {bytes(message.value), message.value ? message.value->size() : 0};
  if (message.timestamp_ms >= 0 || message.untimed) {
    fields[count].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
    fields[count++].u.i64 = message.untimed ? -1 : message.timestamp_ms;
  }
  if (headers != nullptr) {
    fields[count].vtype = RD_KAFKA_VTYPE_HEADERS;
    fields[count++].u.headers = headers;
  }
  rd_kafka_error_t* error = rd_kafka_produceva(producer, fields, count);
  if (error == nullptr) return RD_KAFKA_RESP_ERR_NO_ERROR;
  const auto code = rd_kafka_error_code(error);
  rd_kafka_error_destroy(error);
  if (headers != nullptr) rd_kafka_headers_destroy(headers);  // still ours after a refusal
  return code;
}

std::optional<std::string> copy(const void* data, std::size_t size) {
  if (data == nullptr) return std::nullopt;
  return std::string(static_cast<const char*>(data), size);
}

Message to_message(const rd_kafka_message_t& raw) {
  Message message;
  message.key = copy(raw.key, raw.key_len);
  message.value = copy(raw.payload, raw.len);
  message.partition = raw.partition;
  message.offset = raw.offset;
  message.timestamp_ms = rd_kafka_message_timestamp(&raw, nullptr);
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&raw, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i) {
      message.headers.emplace_back(name, copy(value, size));
    }
  }
  return message;
}

std::size_t owned_topics(const rd_kafka_group_member_info& member) {
  // Version (2 bytes), then the number of topics (4 bytes), big endian.
  const auto* bytes = static_cast<const unsigned char*>(member.member_assignment);
  if (bytes == nullptr || member.member_assignment_size < 6) return 0;
  return static_cast<std::size_t>(bytes[2]) << 24U | static_cast<std::size_t>(bytes[3]) << 16U |
         static_cast<std::size_t>(bytes[4]) << 8U | static_cast<std::size_t>(bytes[5]);
}

}  // namespace

std::optional<std::string> Message::header(const std::string& name) const {
  for (auto header = headers.rbegin(); header != headers.rend(); ++header) {
    if (header->first == name && header->second) return header->second;
  }
  return std::nullopt;
}

std::int64_t sum(const Offsets& offsets) {
  std::int64_t total = 0;
  for (const auto& [partition, offset] : offsets) total += offset;
  return total;
}

struct KafkaClient::Handles {
  Delivery delivery;  // outlives the producer, which reports to it
  Handle producer;
  Handle asker;
  std::map<std::string, Handle> groups;

  /// It joins nothing: it only asks in the group's name.
  rd_kafka_t* of_group(const std::string& group, Settings settings) {
    Handle& handle = groups[group];
    settings["group.id"] = group;
    settings["enable.auto.commit"] = "false";
    if (!handle) handle = make_handle(RD_KAFKA_CONSUMER, settings, nullptr);
    return handle.get();
  }
};

KafkaClient::KafkaClient(std::string bootstrap, Settings settings)
    : bootstrap_(std::move(bootstrap)),
      settings_(std::move(settings)),
      handles_(std::make_unique<Handles>()) {
  settings_["bootstrap.servers"] = bootstrap_;
  settings_["socket.nagle.disable"] = "true";
  settings_["reconnect.backoff.max.ms"] = "500";
  Settings producer = settings_;
  producer["enable.idempotence"] = "true";
  producer["linger.ms"] = "1";
  producer["queue.buffering.max.messages"] = "200000";
  handles_->producer = make_handle(RD_KAFKA_PRODUCER, producer, &handles_->delivery);
  handles_->asker = make_handle(RD_KAFKA_PRODUCER, settings_, nullptr);
}

KafkaClient::~KafkaClient() = default;

void KafkaClient::produce(const std::string& topic, const std::vector<Message>& messages) {
  rd_kafka_t* producer = handles_->producer.get();
  Delivery& delivery = handles_->delivery;
  delivery.failed = RD_KAFKA_RESP_ERR_NO_ERROR;
  for (const Message& message : messages) {
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    while ((code = produce_one(producer, topic, message)) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
      rd_kafka_poll(producer, kPollMs);
    require(code, "produce to " + topic);
    ++delivery.left;
    rd_kafka_poll(producer, 0);
  }
  const auto until = steady_clock::now() + milliseconds(kPatienceMs);
  while (delivery.left > 0 && steady_clock::now() < until) rd_kafka_poll(producer, kPollMs);
  require(delivery.failed, "acknowledge to " + topic);
  if (delivery.left > 0) throw std::runtime_error("acknowledge to " + topic + ": no answer");
}

void KafkaClient::visit(const std::string& topic, const std::function<void(Message)>& visit) {
  const Offsets ends = this->ends(topic);
  Settings settings = settings_;
  settings["group.id"] = "reader-of-" + topic;
  settings["enable.auto.commit"] = "false";
  settings["fetch.wait.max.ms"] = "50";
  const Handle consumer = make_handle(RD_KAFKA_CONSUMER, settings, nullptr);
  rd_kafka_poll_set_consumer(consumer.get());
  partitions_of(consumer.get(), topic);  // or the first message comes half a second late
  for (const auto& [partition, end] : ends) {
    const List list(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset =
        RD_KAFKA_OFFSET_BEGINNING;
    require(rd_kafka_assign(consumer.get(), list.get()), "assign " + topic);
    const auto until = steady_clock::now() + milliseconds(kPatienceMs);
    for (std::int64_t next = 0; next < end;) {
      if (steady_clock::now() > until) throw std::runtime_error("read " + topic + ": too slow");
      const std::unique_ptr<rd_kafka_message_t, Destroy> message(
          rd_kafka_consumer_poll(consumer.get(), kPollMs));
      if (!message || message->err != RD_KAFKA_RESP_ERR_NO_ERROR || message->partition != partition)
        continue;
      next = message->offset + 1;
      if (message->offset < end) visit(to_message(*message));
    }
  }
  rd_kafka_consumer_close(consumer.get());
}

std::vector<Message> KafkaClient::read(const std::string& topic) {
  std::vector<Message> messages;
  visit(topic, [&](Message message) { messages.push_back(std::move(message)); });
  return messages;
}

Offsets KafkaClient::ends(const std::string& topic) {
  rd_kafka_t* asker = handles_->asker.get();
  Offsets ends;
  const std::int32_t partitions = partitions_of(asker, topic);
  for (std::int32_t partition = 0; partition < partitions; ++partition) {
    std::int64_t low = 0;
    std::int64_t high = 0;
    insist("end of " + topic, [&] {
      return rd_kafka_query_watermark_offsets(asker, topic.c_str(), partition, &low, &high, 1000);
    });
    ends[partition] = high;
  }
  return ends;
}

std::int64_t KafkaClient::count(const std::string& topic) { return sum(ends(topic)); }

Offsets KafkaClient::committed(const std::string& group, const std::string& topic) {
  rd_kafka_t* asker = handles_->of_group(group, settings_);
  const std::int32_t partitions = partitions_of(handles_->asker.get(), topic);
  const List list(rd_kafka_topic_partition_list_new(partitions));
  rd_kafka_topic_partition_list_add_range(list.get(), topic.c_str(), 0, partitions - 1);
  insist("committed offsets of " + group,
         [&] { return rd_kafka_committed(asker, list.get(), 1000); });
  Offsets committed;
  for (int i = 0; i < list->cnt; ++i) {
    committed[list->elems[i].partition] = std::max<std::int64_t>(0, list->elems[i].offset);
  }
  return committed;
}

void KafkaClient::commit(const std::string& group,
                         const std::string& topic,
                         const Offsets& offsets) {
  rd_kafka_t* asker = handles_->of_group(group, settings_);
  const List list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
  for (const auto& [partition, offset] : offsets) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = offset;
  }
  insist("commit for " + group, [&] { return rd_kafka_commit(asker, list.get(), 0); });
}

std::int64_t KafkaClient::lag(const std::string& group, const std::string& topic) {
  const std::int64_t done = sum(committed(group, topic));
  return count(topic) - done;
}

std::size_t KafkaClient::owners(const std::string& group) {
  const struct rd_kafka_group_list* raw = nullptr;
  if (rd_kafka_list_groups(handles_->asker.get(), group.c_str(), &raw, 1000) !=
      RD_KAFKA_RESP_ERR_NO_ERROR)
    return 0;
  const std::unique_ptr<const struct rd_kafka_group_list, Destroy> list(raw);
  std::size_t owners = 0;
  for (int i = 0; i < list->group_cnt; ++i) {
    const auto& info = list->groups[i];
    for (int m = 0; m < info.member_cnt; ++m) owners += owned_topics(info.members[m]) > 0 ? 1U : 0U;
  }
  return owners;
}

bool wait_until(milliseconds deadline, const std::function<bool()>& holds, milliseconds period) {
  const auto until = steady_clock::now() + deadline;
  while (!holds()) {
    if (steady_clock::now() >= until) return false;
    poll(nullptr, 0, static_cast<int>(period.count()));
  }
  return true;
}

}  // namespace millrace::tests
