#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace millrace::pipeline {

/// Maps every code point to a small value: two look-ups, and pages of equal values are stored once.
template <typename T>
class CodePointMap {
 public:
  explicit CodePointMap(T everywhere) { pages_.fill(uniform_page(everywhere)); }

  /// Gives first … last, both included, a value. Requires last <= U+10FFFF.
  void set(char32_t first, char32_t last, T value) {
    for (std::size_t page = first >> kBits; page <= last >> kBits; ++page) {
      const std::size_t page_first = page << kBits;
      const std::size_t from = first > page_first ? first - page_first : 0;
      const std::size_t to = last < page_first + kSize - 1 ? last - page_first : kSize - 1;
      if (from == 0 && to == kSize - 1) {
        pages_[page] = uniform_page(value);
        continue;
      }
      make_own(page);
      for (std::size_t i = from; i <= to; ++i) values_[pages_[page] * kSize + i] = value;
    }
  }

  void set(char32_t code_point, T value) { set(code_point, code_point, value); }

  T operator[](char32_t code_point) const {
    return values_[pages_[code_point >> kBits] * kSize + (code_point & (kSize - 1))];
  }

 private:
  static constexpr std::size_t kBits = 8;
  static constexpr std::size_t kSize = std::size_t{1} << kBits;
  static constexpr std::size_t kPages = 0x110000 >> kBits;

  std::uint32_t uniform_page(T value) {
    for (const auto& [known, page] : uniform_) {
      if (known == value) return page;
    }
    uniform_.emplace_back(value, append_page(value));
    return uniform_.back().second;
  }

  std::uint32_t append_page(T value) {
    const auto page = static_cast<std::uint32_t>(values_.size() / kSize);
    values_.resize(values_.size() + kSize, value);
    return page;
  }

  void make_own(std::size_t page) {
    const std::uint32_t shared = pages_[page];
    for (const auto& [value, uniform] : uniform_) {
      if (uniform != shared) continue;
      pages_[page] = append_page(value);
      return;
    }
  }

  std::array<std::uint32_t, kPages> pages_{};
  std::vector<T> values_;
  std::vector<std::pair<T, std::uint32_t>> uniform_;
};

}  // namespace millrace::pipeline
