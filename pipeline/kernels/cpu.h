#pragma once

namespace millrace::pipeline {

/// What this processor, and the system on it, can run.
struct Cpu {
  bool avx2 = false;    // with FMA
  bool avx512 = false;  // F, BW, DQ and VL
};

/// Asks the processor once. Thread-safe.
const Cpu& cpu();

}  // namespace millrace::pipeline
