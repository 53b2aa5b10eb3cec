#include "config/base/metrics.h"

#include "config/base/check.h"
#include "config/base/limits.h"

#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::config {
namespace {

TEST(Metrics, are_written_as_prometheus_text) {
  Metrics metrics;
  metrics.counter("worker_records_total", "Records\nread.", {{"source", "a\"b\\c\nd"}}).add(3);
  metrics.gauge("connectors_kafka_lag_records", "Lag.").set(1.5);
  auto& seconds =
      metrics.histogram("pipeline_forward_seconds", "Time.", {0.1, 1.0}, {{"model", "m"}});
  seconds.observe(0.05);
  seconds.observe(0.1);
  seconds.observe(0.5);
  seconds.observe(7);

  EXPECT_EQ(metrics.prometheus_text(),
            "# HELP millrace_worker_records_total Records\\nread.\n"
            "# TYPE millrace_worker_records_total counter\n"
            "millrace_worker_records_total{source=\"a\\\"b\\\\c\\nd\"} 3\n"
            "# HELP millrace_connectors_kafka_lag_records Lag.\n"
            "# TYPE millrace_connectors_kafka_lag_records gauge\n"
            "millrace_connectors_kafka_lag_records 1.5\n"
            "# HELP millrace_pipeline_forward_seconds Time.\n"
            "# TYPE millrace_pipeline_forward_seconds histogram\n"
            "millrace_pipeline_forward_seconds_bucket{model=\"m\",le=\"0.1\"} 2\n"
            "millrace_pipeline_forward_seconds_bucket{model=\"m\",le=\"1\"} 3\n"
            "millrace_pipeline_forward_seconds_bucket{model=\"m\",le=\"+Inf\"} 4\n"
            "millrace_pipeline_forward_seconds_sum{model=\"m\"} 7.65\n"
            "millrace_pipeline_forward_seconds_count{model=\"m\"} 4\n");
}

TEST(Metrics, the_same_name_and_labels_give_the_same_object) {
  Metrics metrics;

  EXPECT_EQ(&metrics.counter("a_total", "A.", {{"x", "1"}}),
            &metrics.counter("a_total", "A.", {{"x", "1"}}));
  EXPECT_NE(&metrics.counter("a_total", "A.", {{"x", "1"}}),
            &metrics.counter("a_total", "A.", {{"x", "2"}}));
  EXPECT_THROW(metrics.gauge("a_total", "A."), Bug);
}

TEST(Metrics, series_beyond_the_limit_share_one) {
  Metrics metrics;
  for (std::size_t i = 0; i < kMaxSeriesPerMetric; ++i)
    metrics.counter("a_total", "A.", {{"x", std::to_string(i)}});

  Counter& first = metrics.counter("a_total", "A.", {{"x", "new"}});
  Counter& second = metrics.counter("a_total", "A.", {{"x", "newer"}});
  first.add();

  EXPECT_EQ(&first, &second);
  EXPECT_THAT(metrics.prometheus_text(),
              testing::HasSubstr("millrace_a_total{overflow=\"true\"} 1\n"));
  EXPECT_NE(&metrics.counter("a_total", "A.", {{"x", "5"}}), &first);
}

TEST(Metrics, count_right_from_many_threads) {
  Metrics metrics;
  std::vector<std::thread> threads;

  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 1000; ++j) {
        metrics.counter("a_total", "A.").add();
        metrics.histogram("b_seconds", "B.", {1.0}).observe(0.5);
      }
    });
  }
  for (auto& thread : threads) thread.join();

  EXPECT_EQ(metrics.counter("a_total", "A.").value(), 4000U);
  EXPECT_EQ(metrics.histogram("b_seconds", "B.", {1.0}).count(), 4000U);
  EXPECT_EQ(metrics.histogram("b_seconds", "B.", {1.0}).sum(), 2000.0);
}

TEST(Histogram, estimates_quantiles_within_its_buckets) {
  Histogram histogram({10.0, 20.0});
  for (int i = 0; i < 10; ++i) histogram.observe(5);
  for (int i = 0; i < 10; ++i) histogram.observe(15);

  EXPECT_DOUBLE_EQ(histogram.quantile(0.25), 5.0);
  EXPECT_DOUBLE_EQ(histogram.quantile(0.75), 15.0);
  EXPECT_DOUBLE_EQ(histogram.quantile(1.0), 20.0);
  EXPECT_DOUBLE_EQ(Histogram({1.0}).quantile(0.5), 0.0);
}

}  // namespace
}  // namespace millrace::config
