#include "pipeline/tensor/guard.h"

#include <exception>
#include <new>
#include <string>

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>

namespace millrace::pipeline {
namespace {

/// Sets the number of OpenMP and MKL threads of the calling thread, once.
void compute_alone() {
  thread_local const bool done = [] {
    at::set_num_threads(1);
    return true;
  }();
  static_cast<void>(done);
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// Keeps the first line: the rest of a c10 message is a back trace.
std::string first_line(std::string_view text) {
  return config::escape_line(text.substr(0, text.find('\n')), 300);
}

Error from_text(std::string_view doing, std::string_view text) {
  const std::string message = fmt::format("{}: {}", doing, first_line(text));
  // The CPU allocator has no exception type of its own.
  if (contains(text, "DefaultCPUAllocator") || contains(text, "out of memory") ||
      contains(text, "can't allocate memory")) {
    return error(Errc::resource_exhausted, "OUT_OF_MEMORY", message);
  }
  if (contains(text, "CUDA error") || contains(text, "cuDNN error") ||
      contains(text, "cuBLAS error") || contains(text, "CUBLAS_STATUS") ||
      contains(text, "CUDNN_STATUS")) {
    return error(Errc::device_lost, "DEVICE_LOST", message);
  }
  return error(Errc::internal, "FORWARD_FAILED", message);
}

}  // namespace

Result<void> guard(std::string_view doing, const std::function<Result<void>()>& work) {
  compute_alone();
  const c10::InferenceMode inference;
  try {
    return work();
  } catch (const Bug&) {
    throw;
  } catch (const c10::OutOfMemoryError& failure) {
    return error(Errc::resource_exhausted,
                 "OUT_OF_MEMORY",
                 fmt::format("{}: {}", doing, first_line(failure.what_without_backtrace())));
  } catch (const c10::Error& failure) {
    return from_text(doing, failure.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    return error(
        Errc::resource_exhausted, "OUT_OF_MEMORY", fmt::format("{}: no memory left", doing));
  } catch (const std::exception& failure) {
    return from_text(doing, failure.what());
  }
}

}  // namespace millrace::pipeline
