#include "connectors/table/table.h"

#include "tests/connectors/table/tagged.h"
#include "tests/support/worker_process.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>

namespace millrace::connectors {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

const char* const kKafkaSource = "{cluster: main, topics: [a, b], group: g}";
const char* const kKafkaSink = "{cluster: main, topic: out}";

std::vector<std::string_view> names_of(const std::vector<config::Kind>& kinds) {
  std::vector<std::string_view> names;
  for (const config::Kind& kind : kinds) names.push_back(kind.name);
  return names;
}

TEST(Table, lists_the_kinds_that_may_stand_under_sources_and_sinks) {
  EXPECT_THAT(names_of(source_kinds()), ElementsAre("kafka", "files", "stdio"));
  EXPECT_THAT(names_of(sink_kinds()), ElementsAre("kafka", "files", "stdio"));
}

TEST(Table, makes_a_connector_of_every_kind) {
  const tests::TemporaryFolder folder;
  const Clusters clusters = one_cluster("127.0.0.1:1");
  const std::string path = "{path: \"" + (folder.path() / "file").string() + "\"}";

  EXPECT_NE(make_source(tagged("kafka", kKafkaSource), clusters, {}), nullptr);
  EXPECT_NE(make_source(tagged("files", path), clusters, {}), nullptr);
  EXPECT_NE(make_source(tagged("stdio", "{}"), clusters, {}), nullptr);
  EXPECT_NE(make_sink(tagged("kafka", kKafkaSink), clusters, {}), nullptr);
  EXPECT_NE(make_sink(tagged("files", path), clusters, {}), nullptr);
  EXPECT_NE(make_sink(tagged("stdio", "{}"), clusters, {}), nullptr);
}

TEST(Table, finds_nothing_wrong_with_what_is_right) {
  const Clusters clusters = one_cluster("127.0.0.1:9092");

  EXPECT_THAT(check_source(tagged("kafka", kKafkaSource), clusters), IsEmpty());
  EXPECT_THAT(check_sink(tagged("kafka", kKafkaSink), clusters), IsEmpty());
  EXPECT_EQ(try_source(tagged("kafka", kKafkaSource), clusters), std::nullopt);
  EXPECT_EQ(try_sink(tagged("kafka", kKafkaSink), clusters), std::nullopt);
  EXPECT_THAT(check_source(tagged("files", "{path: x}"), clusters), IsEmpty());
  EXPECT_THAT(check_sink(tagged("stdio", "{}"), clusters), IsEmpty());
}

TEST(Table, suggests_the_cluster_that_was_meant) {
  const auto problems = check_source(tagged("kafka", "{cluster: mian, topics: [a], group: g}"),
                                     one_cluster("127.0.0.1:9092"));

  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_EQ(problems[0].field, "cluster");
  EXPECT_THAT(problems[0].message, HasSubstr("mian"));
  EXPECT_THAT(problems[0].hint, HasSubstr("main"));
}

TEST(Table, says_where_clusters_are_declared_when_there_are_none) {
  const auto problems = check_sink(tagged("kafka", kKafkaSink), {});

  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_THAT(problems[0].hint, HasSubstr("clusters"));
}

TEST(Table, refuses_options_that_are_ours_without_repeating_their_value) {
  const auto problems = check_sink(
      tagged("kafka", "{cluster: main, topic: out, options: {enable.idempotence: \"secret\"}}"),
      one_cluster("127.0.0.1:9092"));

  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_EQ(problems[0].field, "options.enable.idempotence");
  EXPECT_THAT(problems[0].message, Not(HasSubstr("secret")));
}

TEST(Table, tries_what_only_the_library_knows) {
  Clusters clusters = one_cluster("127.0.0.1:9092");
  clusters[0].second.tls = TlsOptions{.ca = "/no/such/certificates.pem"};

  EXPECT_NE(try_source(tagged("kafka", kKafkaSource), clusters), std::nullopt);
  EXPECT_NE(try_sink(tagged("kafka", kKafkaSink), clusters), std::nullopt);
}

TEST(Table, describes_connectors_for_people) {
  EXPECT_EQ(describe(tagged("kafka", kKafkaSource)), "kafka a, b");
  EXPECT_EQ(describe(tagged("kafka", kKafkaSink)), "kafka out");
  EXPECT_EQ(describe(tagged("files", "{path: [a.jsonl, b.jsonl]}")), "files a.jsonl, b.jsonl");
  EXPECT_EQ(describe(tagged("files", "{path: out.jsonl.gz, existing: replace}")),
            "files out.jsonl.gz");
  EXPECT_EQ(describe(tagged("stdio", "{}")), "stdio");
}

TEST(Table, names_what_is_read_and_written) {
  EXPECT_THAT(targets(tagged("kafka", kKafkaSource)), ElementsAre("kafka main/a", "kafka main/b"));
  EXPECT_THAT(targets(tagged("kafka", kKafkaSink)), ElementsAre("kafka main/out"));
  EXPECT_THAT(targets(tagged("files", "{path: [a.jsonl, ./x/../b.jsonl]}")),
              ElementsAre("files a.jsonl", "files b.jsonl"));
  EXPECT_THAT(targets(tagged("files", "{path: ./a.jsonl, existing: append}")),
              ElementsAre("files a.jsonl"));
  EXPECT_THAT(targets(tagged("stdio", "{}")), IsEmpty());
}

TEST(Table, knows_what_can_be_read_again) {
  EXPECT_TRUE(reread_of(tagged("kafka", kKafkaSource)).continues);
  EXPECT_TRUE(reread_of(tagged("files", "{path: x}")).continues);
  EXPECT_FALSE(reread_of(tagged("stdio", "{}")).continues);
  EXPECT_THAT(reread_of(tagged("stdio", "{}")).reason, HasSubstr("standard input"));
}

TEST(Table, starts_a_broker_in_this_process) {
  const auto broker = EmbeddedBroker::start();

  ASSERT_TRUE(broker);
  EXPECT_THAT((*broker)->brokers(), HasSubstr("127.0.0.1:"));
  EXPECT_TRUE((*broker)->create_topic("topic", 2));
  EXPECT_TRUE((*broker)->create_topic("topic", 2));
}

TEST(Table, tells_the_versions_of_its_libraries) {
  EXPECT_THAT(library_versions(), ElementsAre(HasSubstr("librdkafka ")));
}

}  // namespace
}  // namespace millrace::connectors
