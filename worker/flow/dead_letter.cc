#include "worker/flow/dead_letter.h"

#include "config/base/sha256.h"

#include <charconv>
#include <cstddef>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace millrace::worker {
namespace {

constexpr std::string_view kAdded = "added";
constexpr std::string_view kValue = "value";

/// Appends headers and knows how many.
class Appender {
 public:
  explicit Appender(std::vector<connectors::Header>& headers)
      : headers_(headers), before_(headers.size()) {}

  void ours(std::string_view name, std::string value) {
    if (value.empty()) return;
    put(std::string(kDeadLetterPrefix) + std::string(name), std::move(value));
  }

  void connect(std::string_view name, std::string value) {
    put("__connect.errors." + std::string(name), std::move(value));
  }

  std::size_t added() const { return headers_.size() - before_; }

 private:
  void put(std::string name, std::string value) {
    headers_.push_back(connectors::Header{std::move(name), Bytes::owning(std::move(value))});
  }

  std::vector<connectors::Header>& headers_;
  std::size_t before_;
};

std::string_view text_of(connectors::TimestampType type) {
  switch (type) {
    case connectors::TimestampType::create:
      return "create";
    case connectors::TimestampType::append:
      return "append";
    case connectors::TimestampType::none:
      break;
  }
  return "";
}

/// Returns the last header of that name; null if there is none.
Bytes last_header(const std::vector<connectors::Header>& headers, std::string_view name) {
  for (auto header = headers.rbegin(); header != headers.rend(); ++header) {
    if (header->name == name) return header->value;
  }
  return {};
}

std::optional<std::size_t> number(std::string_view text) {
  std::size_t value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string millis(std::int64_t unix_ms) {
  return unix_ms < 0 ? std::string() : std::to_string(unix_ms);
}

void append_connect(const connectors::Record& record,
                    const Failure& failure,
                    const DeadLetterContext& context,
                    Appender& headers) {
  headers.connect("topic", std::string(record.origin.topic));
  headers.connect("partition", std::to_string(record.origin.partition));
  headers.connect("offset", std::to_string(record.origin.offset));
  headers.connect("connector.name", context.topology);
  headers.connect("task.id", context.worker);
  headers.connect("stage", failure.stage);
  headers.connect("class.name", "millrace");
  headers.connect("exception.class.name", failure.error.code);
  headers.connect("exception.message", config::escape_line(failure.error.message));
}

}  // namespace

connectors::OutRecord dead_letter(const connectors::Record& record,
                                  const Failure& failure,
                                  const DeadLetterContext& context,
                                  DeadLetterValue value) {
  connectors::OutRecord letter;
  letter.key = record.key;
  letter.headers = record.headers;
  letter.timestamp_ms = record.timestamp_ms;
  const auto& origin = record.origin;

  Appender headers(letter.headers);
  headers.ours("source", fmt::format("{}/{}/{}", origin.topic, origin.partition, origin.offset));
  headers.ours("timestamp-type", std::string(text_of(record.timestamp_type)));
  headers.ours("code", failure.error.code);
  headers.ours("class", std::string(config::name(failure.error.kind)));
  headers.ours("text", config::escape_line(failure.error.message));
  headers.ours("stage", failure.stage);
  headers.ours("topology", context.topology);
  headers.ours("worker", context.worker);
  headers.ours("lease", std::to_string(origin.lease));
  headers.ours("model", failure.model);
  headers.ours("revision", failure.revision);
  headers.ours("device", failure.device);
  headers.ours("dtype", failure.dtype);
  headers.ours("batch", failure.batch);
  headers.ours("attempts", std::to_string(failure.attempts));
  headers.ours("first", millis(failure.first_ms));
  headers.ours("last", millis(failure.last_ms));
  const Bytes replays = last_header(record.headers, kReplaysHeader);
  headers.ours("replays", std::to_string(number(replays.view()).value_or(0)));
  headers.ours("traceparent", std::string(last_header(record.headers, "traceparent").view()));
  if (value == DeadLetterValue::kept) {
    letter.value = record.value;
  } else {
    headers.ours(
        kValue,
        fmt::format(
            "length={} sha256={}", record.value.size(), config::sha256_hex(record.value.view())));
  }
  if (context.connect_headers) append_connect(record, failure, context, headers);
  headers.ours(kAdded, std::to_string(headers.added() + 1));
  return letter;
}

Result<connectors::OutRecord> restore(connectors::OutRecord letter) {
  auto& headers = letter.headers;
  const std::string added_name = std::string(kDeadLetterPrefix) + std::string(kAdded);
  const auto added = !headers.empty() && headers.back().name == added_name
                         ? number(headers.back().value.view())
                         : std::nullopt;
  if (!added || *added == 0 || *added > headers.size()) {
    return error(Errc::invalid_input,
                 "NOT_A_DEAD_LETTER",
                 "the record cannot be restored: expected its last header to be "
                 "millrace-dlq-added with the number of headers to take off");
  }
  const std::size_t keep = headers.size() - *added;
  const std::string value_name = std::string(kDeadLetterPrefix) + std::string(kValue);
  for (std::size_t i = keep; i < headers.size(); ++i) {
    if (headers[i].name == value_name) {
      return error(Errc::invalid_input,
                   "VALUE_OMITTED",
                   fmt::format("the dead letter holds no value ({}); fetch it from the source",
                               config::escape_line(headers[i].value.view())));
    }
  }
  headers.resize(keep);
  return letter;
}

}  // namespace millrace::worker
