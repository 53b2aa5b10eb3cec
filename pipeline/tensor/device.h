#pragma once

#include "config/base/json.h"
#include "config/base/result.h"
#include "pipeline/tensor/safetensors_header.h"

#include <functional>
#include <string>
#include <string_view>

namespace millrace::pipeline {

/// Where a model is to run.
struct DeviceChoice {
  std::string name;    // "cpu" or "cuda:N", present
  std::string notice;  // why `auto` took the CPU; empty if nothing is worth saying
};

/// What resolve_device asks the machine; tests give their own.
struct DeviceProbe {
  std::size_t cuda_devices = 0;
  std::string absence;  // why there are none
};

/// Looks for CUDA devices. Opens libtorch's CUDA half on the first call, and only on a machine with
/// an NVIDIA driver. Thread-safe; the answer stays the same for the life of the process.
DeviceProbe probe_devices();

/// Resolves the wish of a stage (pipelines.md 3.2): auto, cpu, cuda, cuda:N, mps, or an integer.
///
/// `auto` takes cuda:0 if there is one and falls back to the CPU, saying so in `notice`. A negative
/// integer is the CPU, n is cuda:n. `probe` is asked only if the answer matters. Errors: BAD_DEVICE
/// (invalid_input) for a text that is no device, UNSUPPORTED_DEVICE (unsupported) for another
/// accelerator, NO_DEVICE (not_found) for one that is absent.
Result<DeviceChoice> resolve_device(std::string_view wish,
                                    const std::function<DeviceProbe()>& probe = probe_devices);

/// Resolves auto, float32, bfloat16 or float16 for a resolved device.
///
/// `auto` is float32 on the CPU whatever the checkpoint holds; elsewhere config's `dtype` (or
/// `torch_dtype`), else the dtype of the first floating tensor. Errors: BAD_DTYPE (invalid_input).
Result<std::string> resolve_dtype(std::string_view wish,
                                  std::string_view device,
                                  const Json& config,
                                  StoredType first_float);

}  // namespace millrace::pipeline
