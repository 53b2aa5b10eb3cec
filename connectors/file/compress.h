#pragma once

#include "config/base/result.h"
#include "connectors/file/decompress.h"

#include <memory>
#include <string>
#include <string_view>

namespace millrace::connectors {

/// Packs bytes into members (gzip) or frames (zstd) that can be read one after the other.
class Packer {
 public:
  virtual ~Packer() = default;

  /// Appends a complete member with these bytes to `out`.
  virtual void pack(std::string_view bytes, std::string& out) = 0;

  static std::unique_ptr<Packer> make(Packing packing);
};

/// Returns the packing that the ending of a name stands for.
Packing packing_of_name(std::string_view name);

}  // namespace millrace::connectors
