#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace millrace::config {

/// A view of memory together with what keeps it alive: heap, a librdkafka message, a mapped file.
///
/// Copying shares the owner. `null` bytes (a tombstone, an absent key) differ from empty ones.
class Bytes {
 public:
  /// Null: no value at all.
  Bytes() = default;

  /// Takes the text over.
  static Bytes copy_of(std::string_view text) { return owning(std::string(text)); }

  static Bytes owning(std::string text) {
    auto owner = std::make_shared<const std::string>(std::move(text));
    const std::string_view view = *owner;
    return Bytes(view, std::move(owner));
  }

  Bytes(std::string_view view, std::shared_ptr<const void> owner)
      : data_(view.data() == nullptr ? "" : view.data()),
        size_(view.size()),
        owner_(std::move(owner)) {}

  /// Views memory that outlives this object (literals).
  static Bytes unowned(std::string_view view) { return Bytes(view, nullptr); }

  bool is_null() const { return data_ == nullptr; }

  bool empty() const { return size_ == 0; }

  std::size_t size() const { return size_; }

  const char* data() const { return data_; }

  std::string_view view() const {
    return data_ == nullptr ? std::string_view() : std::string_view(data_, size_);
  }

  friend bool operator==(const Bytes& a, const Bytes& b) {
    return a.is_null() == b.is_null() && a.view() == b.view();
  }

 private:
  const char* data_ = nullptr;
  std::size_t size_ = 0;
  std::shared_ptr<const void> owner_;
};

}  // namespace millrace::config

namespace millrace {
using config::Bytes;
}  // namespace millrace
