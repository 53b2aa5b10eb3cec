#include "worker/sim/simulation.h"

#include "config/base/log.h"

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

namespace millrace::worker {
namespace {

std::uint64_t number_of(const char* name, std::uint64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

std::string first_of(const SimulationReport& report) {
  return report.violations.empty() ? std::string() : report.violations.front();
}

/// MILLRACE_SIM_SEEDS: how many; MILLRACE_SIM_SEED: replays one.
TEST(Simulation, loses_nothing_and_keeps_order_under_every_schedule) {
  log::configure(log::Level::off, log::Format::text);
  const std::uint64_t replay = number_of("MILLRACE_SIM_SEED", 0);
  const std::uint64_t first = replay != 0 ? replay : 1;
  const std::uint64_t last = replay != 0 ? replay : number_of("MILLRACE_SIM_SEEDS", 1000);
  std::size_t records = 0;
  std::size_t workers = 0;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const SimulationReport report = simulate(seed);
    records += report.records;
    workers += report.workers;
    ASSERT_EQ(first_of(report), "")
        << "seed " << seed << " (replay it with MILLRACE_SIM_SEED=" << seed
        << "): " << report.scenario;
  }
  // The schedules are worth something only if they do things.
  EXPECT_GT(records, 50 * (last - first));
  if (replay == 0) EXPECT_GT(workers, last);
}

TEST(Simulation, the_same_seed_gives_the_same_run) {
  log::configure(log::Level::off, log::Format::text);
  const SimulationReport once = simulate(11);
  const SimulationReport again = simulate(11);
  EXPECT_EQ(once.steps, again.steps);
  EXPECT_EQ(once.arrivals, again.arrivals);
}

}  // namespace
}  // namespace millrace::worker
