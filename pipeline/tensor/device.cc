#include "pipeline/tensor/device.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <mutex>
#include <optional>

#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::pipeline {
namespace {

constexpr std::string_view kCudaPrefix = "cuda:";
constexpr std::string_view kCudaLibrary = "libtorch_cuda.so";

/// Accelerators that transformers knows and Millrace does not run.
constexpr auto kOthers = std::to_array<std::string_view>(
    {"mlu", "musa", "npu", "hpu", "xpu", "xla", "meta", "hip", "vulkan", "ipu", "tpu", "opencl"});
constexpr auto kDtypes = std::to_array<std::string_view>({"float32", "bfloat16", "float16"});

bool has_driver() {
  std::error_code ignored;
  return std::filesystem::exists("/dev/nvidiactl", ignored) ||
         std::filesystem::exists("/proc/driver/nvidia/version", ignored) ||
         std::filesystem::exists("/dev/dxg", ignored);
}

/// Opens libtorch's CUDA half beside the CPU half; returns what went wrong.
///
/// Why at run time: one binary serves machines with and without a GPU, and the CUDA half costs
/// seconds and gigabytes.
std::string open_cuda() {
  Dl_info where = {};
  if (::dladdr(reinterpret_cast<void*>(&at::globalContext), &where) == 0 ||
      where.dli_fname == nullptr) {
    return "cannot tell where libtorch lies";
  }
  const auto path = std::filesystem::path(where.dli_fname).parent_path() / kCudaLibrary;
  // Never closed: it registers itself with the dispatcher.
  if (::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    const char* reason = ::dlerror();
    return config::escape_line(reason == nullptr ? "cannot open libtorch_cuda.so" : reason, 200);
  }
  return {};
}

DeviceProbe probe_once() {
  if (!at::hasCUDA()) {
    if (!has_driver()) return {.cuda_devices = 0, .absence = "this machine has no NVIDIA driver"};
    if (std::string reason = open_cuda(); !reason.empty()) {
      return {.cuda_devices = 0, .absence = std::move(reason)};
    }
  }
  if (!at::hasCUDA()) return {.cuda_devices = 0, .absence = "libtorch sees no CUDA device"};
  const auto count = static_cast<std::size_t>(at::detail::getCUDAHooks().deviceCount());
  return {.cuda_devices = count, .absence = count == 0 ? "libtorch sees no CUDA device" : ""};
}

std::optional<int> integer(std::string_view text) {
  int value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<DeviceChoice> cuda(int index, const std::function<DeviceProbe()>& probe) {
  const DeviceProbe found = probe();
  if (static_cast<std::size_t>(index) < found.cuda_devices) {
    return DeviceChoice{.name = fmt::format("cuda:{}", index), .notice = {}};
  }
  const std::string why = found.cuda_devices == 0
                              ? found.absence
                              : fmt::format("found cuda:0 to cuda:{}", found.cuda_devices - 1);
  return error(
      Errc::not_found,
      "NO_DEVICE",
      fmt::format("cuda:{} is asked for and not there: {}; device: auto falls back to the CPU",
                  index,
                  why));
}

}  // namespace

DeviceProbe probe_devices() {
  static std::once_flag once;
  static DeviceProbe answer;
  std::call_once(once, [] { answer = probe_once(); });
  return answer;
}

Result<DeviceChoice> resolve_device(std::string_view wish,
                                    const std::function<DeviceProbe()>& probe) {
  if (wish == "cpu" || wish == "cpu:0") return DeviceChoice{.name = "cpu", .notice = {}};
  if (wish == "auto") {
    const DeviceProbe found = probe();
    if (found.cuda_devices > 0) return DeviceChoice{.name = "cuda:0", .notice = {}};
    return DeviceChoice{.name = "cpu", .notice = "device auto is the CPU: " + found.absence};
  }
  if (const auto index = integer(wish)) {
    if (*index < 0) return DeviceChoice{.name = "cpu", .notice = {}};
    return cuda(*index, probe);
  }
  if (wish == "cuda") return cuda(0, probe);
  if (wish.starts_with(kCudaPrefix)) {
    const auto index = integer(wish.substr(kCudaPrefix.size()));
    if (index && *index >= 0) return cuda(*index, probe);
  }
  if (wish == "mps" || wish == "mps:0") {
    return error(
        Errc::not_found,
        "NO_DEVICE",
        "mps is asked for and not there: it needs macOS; device: auto falls back to the CPU");
  }
  const std::string_view kind = wish.substr(0, wish.find(':'));
  if (std::find(kOthers.begin(), kOthers.end(), kind) != kOthers.end()) {
    return error(Errc::unsupported,
                 "UNSUPPORTED_DEVICE",
                 fmt::format("{} is not available, you should use device=\"cpu\" instead", wish));
  }
  return error(Errc::invalid_input,
               "BAD_DEVICE",
               fmt::format("device: expected auto, cpu, cuda, cuda:N, mps or an integer, found {}",
                           config::escape_line(wish, 60)));
}

namespace {

bool is_dtype(std::string_view text) {
  return std::find(kDtypes.begin(), kDtypes.end(), text) != kDtypes.end();
}

/// Returns what config.json says, without the "torch." some files carry; empty if it says nothing
/// that we run.
std::string declared(const Json& config) {
  for (const char* key : {"dtype", "torch_dtype"}) {
    if (!config.is_object() || !config.contains(key) || !config[key].is_string()) continue;
    std::string text = config[key].get<std::string>();
    if (text.starts_with("torch.")) text.erase(0, 6);
    if (is_dtype(text)) return text;
  }
  return {};
}

}  // namespace

Result<std::string> resolve_dtype(std::string_view wish,
                                  std::string_view device,
                                  const Json& config,
                                  StoredType first_float) {
  if (is_dtype(wish)) return std::string(wish);
  if (wish != "auto") {
    return error(Errc::invalid_input,
                 "BAD_DTYPE",
                 fmt::format("dtype: expected auto, float32, bfloat16 or float16, found {}",
                             config::escape_line(wish, 60)));
  }
  if (device == "cpu") return std::string("float32");
  if (std::string text = declared(config); !text.empty()) return text;
  if (first_float == StoredType::bf16) return std::string("bfloat16");
  if (first_float == StoredType::f16) return std::string("float16");
  return std::string("float32");
}

}  // namespace millrace::pipeline
