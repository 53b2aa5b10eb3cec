#include "config/base/metrics.h"

#include "config/base/check.h"
#include "config/base/limits.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <variant>

#include <fmt/format.h>

namespace millrace::config {
namespace {

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

void append_escaped(std::string_view text, bool quotes_too, std::string& out) {
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\\' || (c == '"' && quotes_too)) {
      out += '\\';
      out += c;
    } else {
      out += c;
    }
  }
}

/// Returns `{a="1",b="2"}`, or nothing without labels. `extra` is appended as it is.
std::string label_text(const Labels& labels, std::string_view extra = {}) {
  std::string out;
  for (const auto& [key, value] : labels) {
    out += out.empty() ? "{" : ",";
    out += key;
    out += "=\"";
    append_escaped(value, true, out);
    out += '"';
  }
  if (!extra.empty()) {
    out += out.empty() ? "{" : ",";
    out += extra;
  }
  if (!out.empty()) out += '}';
  return out;
}

void add(std::atomic<double>& sum, double value) {
  double seen = sum.load(std::memory_order_relaxed);
  while (!sum.compare_exchange_weak(seen, seen + value, std::memory_order_relaxed)) {
  }
}

void append_histogram(const std::string& name,
                      const Labels& labels,
                      const Histogram& histogram,
                      std::string& out) {
  std::uint64_t below = 0;
  const auto& bounds = histogram.bounds();
  for (std::size_t i = 0; i <= bounds.size(); ++i) {
    below += histogram.bucket(i);
    const std::string bound = i < bounds.size() ? number(bounds[i]) : "+Inf";
    out += fmt::format(
        "{}_bucket{} {}\n", name, label_text(labels, fmt::format("le=\"{}\"", bound)), below);
  }
  // The count is that of the last bucket, so that a scrape between two observations stays
  // consistent.
  out += fmt::format("{}_sum{} {}\n", name, label_text(labels), number(histogram.sum()));
  out += fmt::format("{}_count{} {}\n", name, label_text(labels), below);
}

}  // namespace

Histogram::Histogram(std::vector<double> bounds)
    : bounds_(std::move(bounds)),
      buckets_(std::make_unique<std::atomic<std::uint64_t>[]>(bounds_.size() + 1)) {
  check(std::is_sorted(bounds_.begin(), bounds_.end()), "histogram bounds ascend");
}

void Histogram::observe(double value) {
  const auto bound = std::lower_bound(bounds_.begin(), bounds_.end(), value);
  buckets_[static_cast<std::size_t>(bound - bounds_.begin())].fetch_add(1,
                                                                        std::memory_order_relaxed);
  add(sum_, value);
}

std::uint64_t Histogram::count() const {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i <= bounds_.size(); ++i) total += bucket(i);
  return total;
}

double Histogram::quantile(double q) const {
  const double rank = q * static_cast<double>(count());
  double below = 0;
  for (std::size_t i = 0; i < bounds_.size(); ++i) {
    const auto inside = static_cast<double>(bucket(i));
    if (inside > 0 && below + inside >= rank) {
      const double low = i == 0 ? std::min(0.0, bounds_[0]) : bounds_[i - 1];
      return low + (bounds_[i] - low) * std::max(0.0, rank - below) / inside;
    }
    below += inside;
  }
  // Nothing, or beyond the last bound: the bound is all that is known.
  return bounds_.empty() || count() == 0 ? 0 : bounds_.back();
}

struct Metrics::Family {
  using Series =
      std::variant<std::unique_ptr<Counter>, std::unique_ptr<Gauge>, std::unique_ptr<Histogram>>;

  std::string name;
  std::string help;
  std::size_t kind = 0;  // index of Series
  std::map<Labels, Series> series;

  /// Finds the family of a name, or adds it.
  static Family& of(std::vector<std::unique_ptr<Family>>& all,
                    std::string_view name,
                    std::string_view help,
                    std::size_t kind) {
    for (const auto& family : all) {
      if (family->name != name) continue;
      check(family->kind == kind, "a metric keeps its type");
      return *family;
    }
    auto& added = all.emplace_back(std::make_unique<Family>());
    added->name = name;
    added->help = help;
    added->kind = kind;
    return *added;
  }

  template <typename T, typename... Arguments>
  T& get(const Labels& labels, Arguments&&... arguments) {
    auto found = series.find(labels);
    if (found == series.end() && series.size() >= kMaxSeriesPerMetric) {
      found = series.find({{"overflow", "true"}});
      if (found == series.end()) {
        found = series
                    .emplace(Labels{{"overflow", "true"}},
                             std::make_unique<T>(std::forward<Arguments>(arguments)...))
                    .first;
      }
    } else if (found == series.end()) {
      found =
          series.emplace(labels, std::make_unique<T>(std::forward<Arguments>(arguments)...)).first;
    }
    return *std::get<std::unique_ptr<T>>(found->second);
  }

  void append_to(std::string& out) const {
    static constexpr std::string_view kTypes[] = {"counter", "gauge", "histogram"};
    const std::string full = "millrace_" + name;
    out += "# HELP " + full + " ";
    append_escaped(help, false, out);
    out += fmt::format("\n# TYPE {} {}\n", full, kTypes[kind]);
    for (const auto& [labels, value] : series) {
      if (const auto* counter = std::get_if<0>(&value)) {
        out += fmt::format("{}{} {}\n", full, label_text(labels), (*counter)->value());
      } else if (const auto* gauge = std::get_if<1>(&value)) {
        out += fmt::format("{}{} {}\n", full, label_text(labels), number((*gauge)->value()));
      } else {
        append_histogram(full, labels, *std::get<2>(value), out);
      }
    }
  }
};

Metrics::Metrics() = default;

Metrics::~Metrics() = default;

Counter& Metrics::counter(std::string_view name, std::string_view help, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  return Family::of(families_, name, help, 0).get<Counter>(labels);
}

Gauge& Metrics::gauge(std::string_view name, std::string_view help, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  return Family::of(families_, name, help, 1).get<Gauge>(labels);
}

Histogram& Metrics::histogram(std::string_view name,
                              std::string_view help,
                              std::vector<double> bounds,
                              const Labels& labels) {
  const std::lock_guard lock(mutex_);
  return Family::of(families_, name, help, 2).get<Histogram>(labels, std::move(bounds));
}

std::string Metrics::prometheus_text() const {
  const std::lock_guard lock(mutex_);
  std::string out;
  for (const auto& family : families_) family->append_to(out);
  return out;
}

}  // namespace millrace::config
