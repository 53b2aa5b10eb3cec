#pragma once

#include <cstddef>
#include <cstdint>

namespace millrace::worker {

/// Numbers that are the same for the same seed on every machine. Source: splitmix64, public domain,
/// by Sebastiano Vigna.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }

  /// 0 … n − 1. Requires n > 0.
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(next() % n); }

  /// least … most.
  std::size_t between(std::size_t least, std::size_t most) {
    return least + below(most - least + 1);
  }

  /// True in one of n cases.
  bool one_in(std::size_t n) { return below(n) == 0; }

 private:
  std::uint64_t state_;
};

}  // namespace millrace::worker
