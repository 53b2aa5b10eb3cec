#pragma once

#include "config/schema/document.h"
#include "config/schema/object.h"
#include "connectors/table/table.h"

#include <string>

#include <gtest/gtest.h>

namespace millrace::connectors {

/// A connector as a topology writes it: the kind, and its options as YAML.
inline config::Tagged tagged(const std::string& kind, const std::string& yaml) {
  config::Issues issues;
  auto node = config::parse_yaml(yaml, {}, issues);
  EXPECT_TRUE(node && issues.empty()) << yaml;
  return {kind, node ? *std::move(node) : config::Node{}};
}

inline Clusters one_cluster(const std::string& brokers) {
  ClusterOptions cluster;
  cluster.brokers = brokers;
  return {{"main", cluster}};
}

}  // namespace millrace::connectors
