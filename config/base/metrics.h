#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::config {

/// A number that only grows. Thread-safe.
class Counter {
 public:
  void add(std::uint64_t by = 1) { value_.fetch_add(by, std::memory_order_relaxed); }

  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// A number that goes up and down. Thread-safe.
class Gauge {
 public:
  void set(double value) { value_.store(value, std::memory_order_relaxed); }

  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

/// Counts of observations below fixed bounds. Thread-safe.
class Histogram {
 public:
  /// bounds: ascending upper limits; one more bucket catches the rest.
  explicit Histogram(std::vector<double> bounds);

  void observe(double value);

  std::uint64_t count() const;

  double sum() const { return sum_.load(std::memory_order_relaxed); }

  const std::vector<double>& bounds() const { return bounds_; }

  /// Returns the count of bucket i (not cumulative), 0 … bounds().size().
  std::uint64_t bucket(std::size_t i) const { return buckets_[i].load(std::memory_order_relaxed); }

  /// Returns an estimate of the q-quantile (0 … 1) from the buckets.
  double quantile(double q) const;

 private:
  std::vector<double> bounds_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> buckets_;
  std::atomic<double> sum_{0};
};

using Labels = std::vector<std::pair<std::string, std::string>>;

/// Holds every metric of a worker and writes them as Prometheus text format 0.0.4.
///
/// Thread-safe. Asking twice for the same name and labels returns the same object, which lives as
/// long as the registry. Names are `<floor>_<noun>_<unit>[_total]`, prefixed `millrace_` in the
/// text. At most 1,000 series a metric: beyond that, the label set `{overflow="true"}` is returned.
class Metrics {
 public:
  Metrics();
  ~Metrics();

  Counter& counter(std::string_view name, std::string_view help, const Labels& labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, const Labels& labels = {});
  Histogram& histogram(std::string_view name,
                       std::string_view help,
                       std::vector<double> bounds,
                       const Labels& labels = {});

  std::string prometheus_text() const;

 private:
  struct Family;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Family>> families_;
};

}  // namespace millrace::config

namespace millrace {
using config::Counter;
using config::Gauge;
using config::Histogram;
using config::Labels;
using config::Metrics;
}  // namespace millrace
