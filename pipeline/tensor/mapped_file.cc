#include "pipeline/tensor/mapped_file.h"

#include <cerrno>
#include <cstdint>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace millrace::pipeline {
namespace {

/// Closes a descriptor at the end of its scope; a mapping outlives it.
class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}

  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }

  int value() const { return value_; }

 private:
  int value_;
};

Error failed(const std::filesystem::path& path, std::string_view what) {
  return error(Errc::local_io,
               "READ_FAILED",
               fmt::format("{}: {}: {}", path.string(), what, std::strerror(errno)));
}

}  // namespace

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.value() < 0) {
    if (errno == ENOENT) return error(Errc::not_found, "NO_FILE", path.string() + ": no such file");
    return failed(path, "cannot open");
  }
  struct stat facts = {};
  if (::fstat(file.value(), &facts) != 0) return failed(path, "cannot ask for the size");
  if (!S_ISREG(facts.st_mode)) {
    return error(Errc::local_io, "READ_FAILED", path.string() + ": expected a regular file");
  }
  const auto size = static_cast<std::size_t>(facts.st_size);
  std::span<const std::byte> bytes;
  if (size > 0) {
    void* start = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.value(), 0);
    if (start == MAP_FAILED) return failed(path, "cannot map");
    bytes = {static_cast<const std::byte*>(start), size};
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(bytes));
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void MappedFile::release(std::size_t offset, std::size_t size) const {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const std::span<const std::byte> range = bytes_.subspan(offset, size);
  const auto begin = reinterpret_cast<std::uintptr_t>(range.data());
  const std::uintptr_t first = (begin + page - 1) / page * page;
  const std::uintptr_t last = (begin + range.size()) / page * page;
  // Advice only: the pages are clean, and a refusal costs nothing but memory.
  if (first < last) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

}  // namespace millrace::pipeline
