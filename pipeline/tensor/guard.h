#pragma once

#include "config/base/result.h"

#include <functional>
#include <optional>
#include <string_view>
#include <utility>

namespace millrace::pipeline {

/// Runs work that calls libtorch, and turns what it throws into an error; the one place that
/// catches c10::Error.
///
/// Everything runs in inference mode (no autograd, no version counters), and the calling thread
/// computes alone from then on: parallelism comes from several engine threads, not from an OpenMP
/// team behind each of them. Errors: OUT_OF_MEMORY (resource_exhausted), DEVICE_LOST (device_lost),
/// FORWARD_FAILED (internal); those that `work` returns pass. A Bug passes. `doing` begins the
/// message: "loading the weights".
Result<void> guard(std::string_view doing, const std::function<Result<void>()>& work);

/// The same for work that has a value.
template <typename Work>
auto guarded(std::string_view doing, Work&& work) -> decltype(work()) {
  using Outcome = decltype(work());
  std::optional<Outcome> outcome;
  auto done = guard(doing, [&]() -> Result<void> {
    outcome.emplace(work());
    return {};
  });
  if (!done) return std::move(done).error();
  return *std::move(outcome);
}

}  // namespace millrace::pipeline
