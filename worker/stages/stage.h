#pragma once

#include "worker/stages/envelope.h"

#include <cstddef>

namespace millrace::worker {

/// Where a stage hands on what it has done.
class Output {
 public:
  virtual ~Output() = default;

  /// port: 0, or the index of a branch of a route.
  virtual void send(std::size_t port, Envelope envelope) = 0;
};

/// One node of a topology: takes an envelope, gives it on, settles it, or keeps it for later.
///
/// Thread-safe: process() is called by all pool threads at once.
class Stage {
 public:
  virtual ~Stage() = default;
  virtual void process(Envelope envelope, Output& output) const = 0;
};

}  // namespace millrace::worker
