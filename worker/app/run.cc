#include "config/base/log.h"
#include "worker/app/logging.h"
#include "worker/app/progress.h"
#include "worker/app/status_page.h"
#include "worker/app/supervise.h"
#include "worker/app/verbs.h"

#include <chrono>
#include <memory>

#include <fmt/format.h>

namespace millrace::worker {
namespace {

connectors::HttpOptions http_options(const HttpSpec& spec) {
  connectors::HttpOptions options;
  options.bind = spec.bind;
  options.port = spec.port;
  options.expose = spec.expose;
  return options;
}

void say_how_it_ended(const Supervised& run) {
  const Snapshot& last = run.ending.last;
  log::info("ended",
            {{"exit", number(run.code)},
             {"received", last.ledger.received},
             {"published", last.ledger.published},
             {"filtered", last.ledger.filtered},
             {"dead_lettered", last.ledger.dead_lettered},
             {"already_done", last.ledger.already_done},
             {"discarded", last.ledger.discarded},
             {"in_flight", last.ledger.in_flight},
             {"ledger", last.ledger.balanced() ? "true" : "FALSE"}});
}

}  // namespace

ExitCode run_topology(const RunVerb& verb) {
  const StopSignals signals;
  configure_log(verb.log);
  const CheckedTopology checked = check_topology_file(verb.file);
  fmt::print(stderr, "{}", config::issues_text(checked.reading.issues));
  if (!checked.good()) return ExitCode::configuration;

  Metrics metrics;
  Topology::Built built = Topology::build(checked,
                                          {.metrics = &metrics,
                                           .instance = instance_name(checked.spec.worker),
                                           .strict_weights = verb.strict_weights});
  for (const Error& problem : built.errors) log::error("cannot be built", problem);
  if (!built.topology) return ExitCode::configuration;

  Topology& topology = *built.topology;
  std::unique_ptr<connectors::HttpServer> page;
  if (checked.spec.http) {
    auto served = serve_status(
        http_options(*checked.spec.http), metrics, [&topology] { return topology.snapshot(); });
    if (!served) {
      log::error("no status page", served.error());
      return exit_for(served.error());
    }
    page = *std::move(served);
    log::info("status page",
              {{"bind", checked.spec.http->bind}, {"port", std::int64_t{page->port()}}});
  }

  ProgressBar bar;
  Heartbeat heartbeat(bar.visible());
  const Supervised run = supervise(topology, signals, [&](const Snapshot& snapshot) {
    bar.show(snapshot);
    heartbeat.show(snapshot);
  });
  bar.finish();
  page.reset();
  say_how_it_ended(run);
  return run.code;
}

}  // namespace millrace::worker
