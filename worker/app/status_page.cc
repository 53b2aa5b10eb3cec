#include "worker/app/status_page.h"

#include <iterator>
#include <map>

#include <fmt/format.h>

namespace millrace::worker {
namespace {

using connectors::HttpRequest;
using connectors::HttpResponse;

std::string html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string count(std::int64_t value) {
  return value < 0 ? std::string("unknown") : fmt::format("{}", value);
}

void partitions_table(const Snapshot& snapshot, std::string& page) {
  auto out = std::back_inserter(page);
  page +=
      "<h2>Partitions</h2><table><tr><th>source<th>partition<th>read up to<th>done up "
      "to<th>end<th>lag</tr>";
  for (const auto& row : snapshot.partitions) {
    fmt::format_to(out,
                   "<tr><td>{}<td>{}[{}]<td>{}<td>{}<td>{}<td>{}</tr>",
                   html(row.source),
                   html(row.topic),
                   row.partition,
                   row.position,
                   row.committed,
                   count(row.end),
                   count(row.lag()));
  }
  page += "</table>";
}

void stages_table(const Snapshot& snapshot, std::string& page) {
  auto out = std::back_inserter(page);
  page +=
      "<h2>Stages</h2><table><tr><th>stage<th>kind<th>detail<th>batches<th>rows a batch<th>tokens "
      "a batch"
      "<th>budget<th>waiting rows<th>forward p50</tr>";
  for (const auto& row : snapshot.stages) {
    const double batches = row.batches == 0 ? 1.0 : static_cast<double>(row.batches);
    fmt::format_to(out,
                   "<tr><td>{}<td>{}<td>{}<td>{}<td>{:.1f}<td>{:.0f}<td>{}<td>{}<td>{:.1f} ms</tr>",
                   html(row.name),
                   html(row.kind),
                   html(row.detail),
                   row.batches,
                   static_cast<double>(row.rows) / batches,
                   static_cast<double>(row.tokens) / batches,
                   row.budget_tokens,
                   row.queued_rows,
                   row.forward_p50_ms);
  }
  page += "</table>";
}

void sinks_table(const Snapshot& snapshot, std::string& page) {
  auto out = std::back_inserter(page);
  page +=
      "<h2>Sinks</h2><table><tr><th>sink<th>to<th>records<th>waiting for the acknowledgement</tr>";
  for (const auto& row : snapshot.sinks) {
    fmt::format_to(out,
                   "<tr><td>{}<td>{}<td>{}<td>{}</tr>",
                   html(row.name),
                   html(row.target),
                   row.records,
                   row.outstanding);
  }
  page += "</table>";
}

HttpResponse text(int status, std::string body) {
  return HttpResponse{
      .status = status, .content_type = "text/plain; charset=utf-8", .body = std::move(body)};
}

}  // namespace

std::string render_status(const Snapshot& snapshot) {
  const auto& ledger = snapshot.ledger;
  std::string page =
      "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" "
      "content=\"2\">"
      "<title>Millrace</title><style>body{font:15px system-ui,sans-serif;margin:2em;max-width:70em}"
      "table{border-collapse:collapse;margin:.5em 0 1.5em}td,th{padding:.25em .8em;text-align:left;"
      "border-bottom:1px solid #ddd}h1{margin-bottom:0}</style>";
  auto out = std::back_inserter(page);
  fmt::format_to(out,
                 "<h1>{}</h1><p>{}{} · {} · up {:.0f} s · {:.0f} records/s</p>",
                 html(snapshot.worker),
                 html(name(snapshot.state)),
                 snapshot.paused ? " (paused: too much in flight)" : "",
                 html(snapshot.guarantee),
                 static_cast<double>(snapshot.uptime.count()) / 1000.0,
                 snapshot.records_per_second);
  if (!snapshot.stopped_because.empty())
    fmt::format_to(out, "<p><b>{}</b></p>", html(snapshot.stopped_because));
  fmt::format_to(out,
                 "<h2>Ledger</h2><table><tr><th>received<th>published<th>filtered<th>dead "
                 "letters<th>already done"
                 "<th>discarded<th>in "
                 "flight<th></tr><tr><td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{} ({} KiB)<td>{}"
                 "</tr></table>",
                 ledger.received,
                 ledger.published,
                 ledger.filtered,
                 ledger.dead_lettered,
                 ledger.already_done,
                 ledger.discarded,
                 ledger.in_flight,
                 snapshot.in_flight_bytes / 1024,
                 ledger.balanced() ? "the sum is right" : "<b>THE SUM IS WRONG</b>");
  partitions_table(snapshot, page);
  stages_table(snapshot, page);
  sinks_table(snapshot, page);
  page += "</html>";
  return page;
}

Result<std::unique_ptr<connectors::HttpServer>> serve_status(const connectors::HttpOptions& options,
                                                             const Metrics& metrics,
                                                             std::function<Snapshot()> snapshot) {
  std::map<std::string, connectors::HttpHandler> routes;
  routes["/livez"] = [snapshot](const HttpRequest&) {
    return snapshot().alive ? text(200, "alive\n") : text(503, "a loop has not ticked in time\n");
  };
  routes["/readyz"] = [snapshot](const HttpRequest&) {
    const Snapshot now = snapshot();
    return now.ready ? text(200, "ready\n") : text(503, fmt::format("{}\n", name(now.state)));
  };
  routes["/metrics"] = [&metrics](const HttpRequest&) {
    return HttpResponse{.status = 200,
                        .content_type = "text/plain; version=0.0.4",
                        .body = metrics.prometheus_text()};
  };
  routes["/status"] = [snapshot](const HttpRequest&) {
    return HttpResponse{.status = 200,
                        .content_type = "text/html; charset=utf-8",
                        .body = render_status(snapshot())};
  };
  return connectors::HttpServer::start(options, std::move(routes));
}

}  // namespace millrace::worker
