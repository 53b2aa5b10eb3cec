#include "worker/stages/provenance.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace millrace::worker {
namespace {

constexpr std::array<std::string_view, 5> kOurs = {"millrace-model",
                                                   "millrace-revision",
                                                   "millrace-topology",
                                                   "millrace-source",
                                                   "millrace-truncated"};

bool is_ours(std::string_view name) {
  return std::find(kOurs.begin(), kOurs.end(), name) != kOurs.end();
}

}  // namespace

connectors::OutRecord unchanged_record(const connectors::Record& record) {
  connectors::OutRecord out;
  out.key = record.key;
  out.value = record.value;
  out.headers = record.headers;
  out.timestamp_ms = record.timestamp_ms;
  return out;
}

connectors::OutRecord result_record(const Envelope& envelope, Bytes value, const Bytes& topology) {
  const connectors::Record& record = envelope.token.record();
  connectors::OutRecord out;
  out.key = record.key;
  out.value = std::move(value);
  out.timestamp_ms = record.timestamp_ms;
  out.headers.reserve(record.headers.size() + 2 + 2 * envelope.models.size());
  for (const connectors::Header& header : record.headers) {
    if (!is_ours(header.name)) out.headers.push_back(header);
  }
  for (const auto& tag : envelope.models) {
    // The tag outlives nobody, so the bytes share its ownership.
    out.headers.push_back({"millrace-model", Bytes(tag->model, tag)});
    if (!tag->revision.empty())
      out.headers.push_back({"millrace-revision", Bytes(tag->revision, tag)});
  }
  out.headers.push_back({"millrace-topology", topology});
  const connectors::Origin& origin = record.origin;
  out.headers.push_back(
      {"millrace-source",
       Bytes::owning(fmt::format("{}/{}/{}", origin.topic, origin.partition, origin.offset))});
  if (envelope.truncated) out.headers.push_back({"millrace-truncated", Bytes::unowned("true")});
  return out;
}

}  // namespace millrace::worker
