#include "pipeline/tensor/safetensors_header.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <span>
#include <string>

/// Whatever is accepted lies in the file, end to end, under unique names, and is as large as its
/// shape says.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace::pipeline;  // NOLINT(google-build-using-namespace)
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto header = parse_safetensors_header(bytes, size);
  if (!header) return 0;
  std::uint64_t expected = header->data_offset;
  std::set<std::string> names;
  for (const StoredTensor& tensor : header->tensors) {
    if (tensor.offset != expected || !names.insert(tensor.name).second) std::abort();
    std::uint64_t elements = 1;
    for (const std::int64_t dimension : tensor.shape) {
      if (dimension < 0) std::abort();
      elements *= static_cast<std::uint64_t>(dimension);
    }
    if (elements * bytes_per_element(tensor.type) != tensor.size_bytes) std::abort();
    expected += tensor.size_bytes;
  }
  if (expected != size) std::abort();
  return 0;
}
