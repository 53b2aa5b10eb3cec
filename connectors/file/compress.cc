#include "connectors/file/compress.h"

#include "config/base/check.h"

#include <zlib.h>
#include <zstd.h>

namespace millrace::connectors {
namespace {

constexpr int kZstdLevel = 3;

class NoPacker final : public Packer {
 public:
  void pack(std::string_view bytes, std::string& out) override { out.append(bytes); }
};

class GzipPacker final : public Packer {
 public:
  void pack(std::string_view bytes, std::string& out) override {
    z_stream stream{};
    check(deflateInit2(
              &stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK,
          "zlib takes its own defaults");
    const std::size_t begin = out.size();
    out.resize(begin + deflateBound(&stream, static_cast<uLong>(bytes.size())));
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + begin);
    stream.avail_out = static_cast<uInt>(out.size() - begin);
    check(deflate(&stream, Z_FINISH) == Z_STREAM_END, "deflateBound is enough room");
    out.resize(begin + stream.total_out);
    deflateEnd(&stream);
  }
};

class ZstdPacker final : public Packer {
 public:
  void pack(std::string_view bytes, std::string& out) override {
    const std::size_t begin = out.size();
    out.resize(begin + ZSTD_compressBound(bytes.size()));
    const std::size_t size = ZSTD_compress(
        out.data() + begin, out.size() - begin, bytes.data(), bytes.size(), kZstdLevel);
    check(ZSTD_isError(size) == 0, "ZSTD_compressBound is enough room");
    out.resize(begin + size);
  }
};

}  // namespace

std::unique_ptr<Packer> Packer::make(Packing packing) {
  switch (packing) {
    case Packing::gzip:
      return std::make_unique<GzipPacker>();
    case Packing::zstd:
      return std::make_unique<ZstdPacker>();
    case Packing::none:
      break;
  }
  return std::make_unique<NoPacker>();
}

Packing packing_of_name(std::string_view name) {
  if (name.ends_with(".gz")) return Packing::gzip;
  if (name.ends_with(".zst")) return Packing::zstd;
  return Packing::none;
}

}  // namespace millrace::connectors
