#include "connectors/kafka/admin.h"
#include "connectors/kafka/embedded.h"
#include "connectors/kafka/sink.h"
#include "connectors/kafka/source.h"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>

// What librdkafka 2.0.2 does to those who trust it, one test for each trap, on a cluster inside
// this process.

namespace millrace::connectors {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

/// Reads with all the ceremony a flow observes.
class Reader {
 public:
  Reader(ClusterOptions cluster, KafkaSourceOptions options)
      : source_(
            make_kafka_source(std::move(cluster), std::move(options), {.startup_deadline = 10s})) {
    const auto opened = source_->open();
    EXPECT_TRUE(opened) << opened.error().text();
  }

  /// Polls until the condition holds, at most for so long.
  bool until(const std::function<bool()>& done, std::chrono::milliseconds longest = 20s) {
    const auto deadline = steady_clock::now() + longest;
    while (!done()) {
      if (steady_clock::now() > deadline) return false;
      step();
    }
    return true;
  }

  void step() {
    auto polled = source_->poll(20ms, 100);
    if (!polled) {
      errors.push_back(polled.error());
      return;
    }
    for (const SourceEvent& event : polled->events) {
      if (const auto* assigned = std::get_if<Assigned>(&event)) {
        leases[assigned->partition] = assigned->lease;
        assigned_at[assigned->partition] = assigned->position;
        metadata[assigned->partition] = assigned->metadata;
      } else if (const auto* revoking = std::get_if<Revoking>(&event)) {
        revoked.push_back(revoking->lease);
      } else if (const auto* lost = std::get_if<Lost>(&event)) {
        losses.push_back(lost->lease);
      }
    }
    for (Record& record : polled->records) records.push_back(std::move(record));
  }

  Source& source() { return *source_; }

  std::vector<Position> positions() const {
    std::vector<Position> all;
    for (const auto& [partition, lease] : leases) {
      std::int64_t next = assigned_at.at(partition);
      for (const Record& record : records) {
        if (record.origin.partition == partition) next = record.origin.offset + 1;
      }
      all.push_back({lease, next, "bWFw"});
    }
    return all;
  }

  std::map<std::int32_t, LeaseId> leases;
  std::map<std::int32_t, std::int64_t> assigned_at;
  std::map<std::int32_t, std::string> metadata;
  std::vector<LeaseId> revoked, losses;
  std::vector<Error> errors;

 private:
  std::unique_ptr<Source> source_;

 public:
  std::vector<Record> records;  // destroyed before their source
};

class Kafka : public testing::Test {
 protected:
  void SetUp() override {
    auto cluster = EmbeddedCluster::start();
    ASSERT_TRUE(cluster) << cluster.error().text();
    embedded_ = *std::move(cluster);
    ASSERT_TRUE(embedded_->create_topic("in", 2));
    cluster_.brokers = embedded_->bootstraps();
  }

  KafkaSourceOptions source_options() const {
    KafkaSourceOptions options;
    options.cluster = "main";
    options.topics = {"in"};
    options.group = "g";
    options.session_timeout = 6s;
    options.heartbeat_interval = 100ms;
    return options;
  }

  std::unique_ptr<Sink> open_sink(const std::string& topic = "in",
                                  std::map<std::string, std::string> options = {}) {
    KafkaSinkOptions sink_options;
    sink_options.cluster = "main";
    sink_options.topic = topic;
    sink_options.linger = 1ms;
    sink_options.options = std::move(options);
    auto sink = make_kafka_sink(cluster_, sink_options, {.startup_deadline = 10s});
    const auto opened = sink->open();
    EXPECT_TRUE(opened) << opened.error().text();
    return sink;
  }

  static std::vector<Verdict> deliver(Sink& sink, std::vector<OutRecord> records) {
    std::vector<Verdict> verdicts;
    const auto deadline = steady_clock::now() + 20s;
    for (std::size_t i = 0; i < records.size() && steady_clock::now() < deadline;) {
      const auto written = sink.write(records[i], i);
      if (!written) {
        verdicts.push_back({i, written.error()});
        ++i;
      } else if (*written == Accepted::yes) {
        ++i;
      }
      EXPECT_TRUE(sink.poll(0ms, verdicts));
    }
    while (sink.outstanding() > 0 && steady_clock::now() < deadline)
      EXPECT_TRUE(sink.poll(10ms, verdicts));
    return verdicts;
  }

  void produce(std::size_t count, std::int32_t partition = -1) {
    const auto sink = open_sink();
    std::vector<OutRecord> records;
    for (std::size_t i = 0; i < count; ++i) {
      OutRecord record;
      record.value = Bytes::copy_of(std::to_string(i));
      record.partition = partition >= 0 ? partition : static_cast<std::int32_t>(i % 2);
      records.push_back(std::move(record));
    }
    const auto verdicts = deliver(*sink, std::move(records));
    EXPECT_EQ(verdicts.size(), count);
    ASSERT_TRUE(sink->close(5s));
  }

  std::unique_ptr<EmbeddedCluster> embedded_;
  ClusterOptions cluster_;
};

TEST_F(Kafka, a_record_comes_back_as_it_was_written) {
  const auto sink = open_sink();
  OutRecord full;
  full.key = Bytes::copy_of(std::string("k\0", 2));
  full.value = Bytes::copy_of(std::string(100'000, 'v'));
  full.headers = {{"a", Bytes::copy_of("1")}, {"a", Bytes::copy_of("")}, {"n", Bytes()}};
  full.timestamp_ms = 1'700'000'000'000;
  full.partition = 0;
  OutRecord tombstone;
  tombstone.key = Bytes::copy_of("k");
  tombstone.partition = 0;
  OutRecord empty;
  empty.value = Bytes::copy_of("");
  empty.partition = 0;
  std::vector<OutRecord> records;
  for (OutRecord* record : {&full, &tombstone, &empty}) records.push_back(*record);
  for (const Verdict& verdict : deliver(*sink, records))
    EXPECT_FALSE(verdict.error) << verdict.error->text();

  Reader reader(cluster_, source_options());
  ASSERT_TRUE(reader.until([&] { return reader.records.size() == 3; }));
  const Record& read = reader.records[0];
  EXPECT_EQ(read.key, full.key);
  EXPECT_EQ(read.value, full.value);
  EXPECT_EQ(read.timestamp_ms, full.timestamp_ms);
  ASSERT_EQ(read.headers.size(), 3U);
  EXPECT_EQ(read.headers[0].value.view(), "1");
  EXPECT_FALSE(read.headers[1].value.is_null());
  EXPECT_TRUE(read.headers[2].value.is_null());
  EXPECT_TRUE(reader.records[1].value.is_null());
  EXPECT_FALSE(reader.records[2].value.is_null());
  EXPECT_TRUE(reader.records[2].key.is_null());
}

TEST_F(Kafka, the_start_of_1970_is_not_taken_for_now) {
  constexpr std::int64_t kFarFuture = 253'402'300'799'000;  // the year 9999
  std::vector<OutRecord> records;
  for (const std::int64_t time : {std::int64_t{0}, std::int64_t{1}, kFarFuture, std::int64_t{-1}}) {
    OutRecord& record = records.emplace_back();
    record.value = Bytes::copy_of("v");
    record.timestamp_ms = time;
    record.partition = 0;
  }
  for (const Verdict& verdict : deliver(*open_sink(), records))
    EXPECT_FALSE(verdict.error) << verdict.error->text();

  Reader reader(cluster_, source_options());
  ASSERT_TRUE(reader.until([&] { return reader.records.size() == 4; }));
  EXPECT_EQ(reader.records[0].timestamp_ms, 1);
  EXPECT_EQ(reader.records[1].timestamp_ms, 1);
  EXPECT_EQ(reader.records[2].timestamp_ms, kFarFuture);
  EXPECT_GT(reader.records[3].timestamp_ms, 1'700'000'000'000);  // none: that of the writing
}

TEST_F(Kafka, keys_go_where_java_producers_put_them) {
  ASSERT_TRUE(embedded_->create_topic("wide", 100));
  const char* const samples[] = {"21", "foobar", "a-little-bit-long-string"};
  // From Kafka's own UtilsTest: murmur2("21") = -973932308, "foobar" = -790332482,
  // "a-little-bit-long-string" = -985981536.
  const std::int32_t hashes[] = {-973932308, -790332482, -985981536};
  const auto sink = open_sink("wide");
  std::vector<OutRecord> records;
  for (const char* key : samples) {
    OutRecord record;
    record.key = Bytes::copy_of(key);
    record.value = Bytes::copy_of(key);
    records.push_back(std::move(record));
  }
  ASSERT_EQ(deliver(*sink, records).size(), 3U);
  KafkaSourceOptions options = source_options();
  options.topics = {"wide"};
  Reader reader(cluster_, options);
  ASSERT_TRUE(reader.until([&] { return reader.records.size() == 3; }));
  for (const Record& record : reader.records) {
    for (std::size_t i = 0; i < 3; ++i) {
      if (record.key.view() != samples[i]) continue;
      EXPECT_EQ(record.origin.partition, (hashes[i] & 0x7fffffff) % 100) << record.key.view();
    }
  }
}

TEST_F(Kafka, pausing_and_resuming_loses_and_repeats_nothing) {
  constexpr std::size_t kRecords = 4000;
  produce(kRecords);
  Reader reader(cluster_, source_options());
  std::mt19937 random(5);
  ASSERT_TRUE(reader.until([&] { return reader.leases.size() == 2; }));
  std::set<std::int32_t> paused;
  ASSERT_TRUE(reader.until(
      [&] {
        const auto partition = static_cast<std::int32_t>(random() % 2);
        const LeaseId lease = reader.leases[partition];
        if (random() % 3 == 0) {
          reader.source().pause({&lease, 1});
          paused.insert(partition);
        } else {
          // Half of these were not paused, which must not rewind them.
          reader.source().resume({&lease, 1});
          paused.erase(partition);
        }
        return reader.records.size() >= kRecords;
      },
      60s));
  EXPECT_EQ(reader.records.size(), kRecords);
  std::map<std::int32_t, std::int64_t> next;
  for (const Record& record : reader.records)
    ASSERT_EQ(record.origin.offset, next[record.origin.partition]++);
}

TEST_F(Kafka, a_position_comes_back_with_its_metadata) {
  produce(10);
  {
    Reader first(cluster_, source_options());
    ASSERT_TRUE(first.until([&] { return first.records.size() == 10; }));
    EXPECT_EQ(first.assigned_at[0], 0);
    EXPECT_EQ(first.metadata[0], "");
    ASSERT_TRUE(first.source().close(first.positions(), 10s));
  }
  Reader second(cluster_, source_options());
  ASSERT_TRUE(second.until([&] { return second.leases.size() == 2; }));
  EXPECT_EQ(second.assigned_at[0], 5);
  EXPECT_EQ(second.metadata[0], "bWFw");
  second.until([] { return false; }, 500ms);
  EXPECT_TRUE(second.records.empty());
}

TEST_F(Kafka, a_commit_never_goes_backwards_nor_counts_for_a_lease_that_is_gone) {
  produce(10, 0);
  {
    Reader reader(cluster_, source_options());
    ASSERT_TRUE(reader.until([&] { return reader.records.size() == 10; }));
    const Position far{reader.leases[0], 8, {}};
    ASSERT_TRUE(reader.source().commit({&far, 1}));
    reader.until([] { return false; }, 300ms);
    const Position back{reader.leases[0], 3, {}};
    const Position stranger{new_lease(), 9, {}};
    ASSERT_TRUE(reader.source().commit({&back, 1}));
    ASSERT_TRUE(reader.source().commit({&stranger, 1}));
    ASSERT_TRUE(reader.source().close({&back, 1}, 10s));
  }
  Reader second(cluster_, source_options());
  ASSERT_TRUE(second.until([&] { return second.leases.size() == 2; }));
  EXPECT_EQ(second.assigned_at[0], 8);
}

TEST_F(Kafka, metadata_that_no_broker_keeps_is_refused_before_it_is_sent) {
  Reader reader(cluster_, source_options());
  ASSERT_TRUE(reader.until([&] { return reader.leases.size() == 2; }));
  const Position position{reader.leases[0], 0, std::string(5000, 'x')};
  const auto committed = reader.source().commit({&position, 1});
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().code, "METADATA_TOO_LARGE");
}

TEST_F(Kafka, a_second_member_gets_its_share_when_the_first_has_let_go) {
  produce(200);
  Reader first(cluster_, source_options());
  ASSERT_TRUE(first.until([&] { return first.records.size() == 200; }));
  // Paused partitions that change hands must not stay silent.
  for (const auto& [partition, lease] : first.leases) first.source().pause({&lease, 1});
  Reader second(cluster_, source_options());
  ASSERT_TRUE(first.until(
      [&] {
        second.step();
        return !first.revoked.empty();
      },
      30s));
  const auto positions = first.positions();
  ASSERT_TRUE(first.source().release(first.revoked, positions));
  first.leases.clear();
  ASSERT_TRUE(first.until(
      [&] {
        second.step();
        return first.leases.size() + second.leases.size() >= 2 && !second.leases.empty();
      },
      30s));
  produce(20);
  // This cluster refuses commits while its group changes, so the first 200 may come again; a real
  // one takes them (tests/broker).
  const auto distinct = [&] {
    std::set<std::pair<std::int32_t, std::int64_t>> places;
    for (const Reader* reader : {&first, &second}) {
      for (const Record& record : reader->records)
        places.emplace(record.origin.partition, record.origin.offset);
    }
    return places.size();
  };
  ASSERT_TRUE(first.until(
      [&] {
        second.step();
        return distinct() == 220;
      },
      30s));
  EXPECT_FALSE(second.records.empty());
}

TEST_F(Kafka, a_topic_that_is_missing_is_named) {
  KafkaSourceOptions options = source_options();
  options.topics = {"in", "absent"};
  const auto source = make_kafka_source(cluster_, options, {.startup_deadline = 5s});
  const auto opened = source->open();
  // The embedded cluster makes topics that are asked for; a real one does not (tests/broker).
  if (!opened) {
    EXPECT_THAT(opened.error().message, testing::HasSubstr("absent"));
  }
}

TEST(KafkaAway, a_cluster_that_does_not_answer_is_unavailable_in_time) {
  ClusterOptions cluster;
  cluster.brokers = "127.0.0.1:1";
  KafkaSourceOptions options;
  options.topics = {"in"};
  options.group = "g";
  const auto source = make_kafka_source(cluster, options, {.startup_deadline = 1s});
  const auto begin = steady_clock::now();
  const auto opened = source->open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, Errc::unavailable);
  EXPECT_LT(steady_clock::now() - begin, 8s);
}

TEST_F(Kafka, what_is_too_large_is_the_records_fault_alone) {
  const auto sink = open_sink("in", {{"message.max.bytes", "10000"}});
  std::vector<OutRecord> records(3);
  records[0].value = Bytes::copy_of("small");
  records[1].value = Bytes::copy_of(std::string(20'000, 'x'));
  records[2].value = Bytes::copy_of("small, too");
  std::map<std::uint64_t, std::string> codes;
  for (const Verdict& verdict : deliver(*sink, records))
    codes[verdict.opaque] = verdict.error ? verdict.error->code : "";
  EXPECT_EQ(codes[0], "");
  EXPECT_EQ(codes[1], "TOO_LARGE");
  EXPECT_EQ(codes[2], "");
}

TEST_F(Kafka, the_error_of_a_write_never_tells_the_payload) {
  const auto sink = open_sink();
  constexpr std::int16_t kTopicAuthorizationFailed = 29;
  embedded_->fail_next(KafkaRequest::produce, {kTopicAuthorizationFailed});
  std::vector<OutRecord> records(1);
  records[0].value = Bytes::copy_of("a secret of the record");
  const std::vector<Verdict> verdicts = deliver(*sink, records);
  ASSERT_EQ(verdicts.size(), 1U);
  ASSERT_TRUE(verdicts[0].error);
  EXPECT_EQ(verdicts[0].error->kind, Errc::denied);
  EXPECT_THAT(verdicts[0].error->text(), testing::HasSubstr("authorization"));
  EXPECT_THAT(verdicts[0].error->text(), testing::Not(testing::HasSubstr("secret")));
}

TEST_F(Kafka, a_full_queue_says_so_and_everything_arrives) {
  const auto sink = open_sink("in", {{"queue.buffering.max.messages", "50"}});
  embedded_->set_round_trip(1, 20ms);
  std::size_t full = 0;
  std::vector<Verdict> verdicts;
  for (std::uint64_t i = 0; i < 500;) {
    OutRecord record;
    record.value = Bytes::copy_of(std::to_string(i));
    record.partition = 0;
    const auto written = sink->write(record, i);
    ASSERT_TRUE(written) << written.error().text();
    if (*written == Accepted::full) {
      ++full;
      ASSERT_TRUE(sink->poll(5ms, verdicts));
    } else {
      ++i;
    }
  }
  const auto deadline = steady_clock::now() + 20s;
  while (sink->outstanding() > 0 && steady_clock::now() < deadline)
    ASSERT_TRUE(sink->poll(10ms, verdicts));
  EXPECT_GT(full, 0U);
  EXPECT_EQ(verdicts.size(), 500U);
}

TEST_F(Kafka, the_first_record_of_a_fresh_producer_does_not_wait_for_metadata) {
  const auto sink = open_sink();
  OutRecord record;
  record.value = Bytes::copy_of("x");
  const auto begin = steady_clock::now();
  ASSERT_EQ(deliver(*sink, {record}).size(), 1U);
  // Without asking for the topic first it takes a second.
  EXPECT_LT(steady_clock::now() - begin, 800ms);
}

TEST_F(Kafka, closing_while_records_are_held_does_not_hang) {
  produce(10);
  auto records = std::make_unique<std::vector<Record>>();
  {
    Reader reader(cluster_, source_options());
    ASSERT_TRUE(reader.until([&] { return reader.records.size() == 10; }));
    const auto begin = steady_clock::now();
    ASSERT_TRUE(reader.source().close(reader.positions(), 5s));
    EXPECT_LT(steady_clock::now() - begin, 6s);
  }
}

TEST_F(Kafka, an_outage_of_the_broker_is_told_once_and_over_when_it_is) {
  Reader reader(cluster_, source_options());
  ASSERT_TRUE(reader.until([&] { return reader.leases.size() == 2; }));
  embedded_->set_down(1, true);
  reader.until([&] { return !reader.errors.empty(); }, 10s);
  embedded_->set_down(1, false);
  produce(10);
  ASSERT_TRUE(reader.until([&] { return reader.records.size() == 10; }, 30s));
  for (const Error& problem : reader.errors)
    EXPECT_EQ(problem.kind, Errc::unavailable) << problem.text();
}

TEST_F(Kafka, a_cooperative_member_closes_before_it_was_ever_assigned) {
  KafkaSourceOptions options = source_options();
  options.rebalance = Rebalance::cooperative;
  const auto source = make_kafka_source(cluster_, options, {.startup_deadline = 10s});
  ASSERT_TRUE(source->open());
  const auto begin = steady_clock::now();
  EXPECT_TRUE(source->close({}, 5s));
  EXPECT_LT(steady_clock::now() - begin, 6s);
}

TEST_F(Kafka, closing_without_a_coordinator_ends_at_its_deadline) {
  produce(2);
  Reader reader(cluster_, source_options());
  ASSERT_TRUE(reader.until([&] { return reader.leases.size() == 2; }));
  embedded_->set_down(1, true);
  const auto begin = steady_clock::now();
  // What could not be committed is read again; all that matters here is that the process can leave.
  static_cast<void>(reader.source().close({}, 2s));
  EXPECT_LT(steady_clock::now() - begin, 10s);
}

TEST_F(Kafka, nothing_is_committed_between_a_revocation_and_its_release) {
  produce(200);
  Reader first(cluster_, source_options());
  ASSERT_TRUE(first.until([&] { return first.records.size() == 200; }));
  Reader second(cluster_, source_options());
  ASSERT_TRUE(first.until(
      [&] {
        second.step();
        return !first.revoked.empty();
      },
      30s));
  // On 2.0.2 a commit now would cost the whole assignment: it is kept, not sent, and nobody hears
  // of a failure.
  ASSERT_TRUE(first.source().commit(first.positions()));
  for (int i = 0; i < 10; ++i) first.step();
  EXPECT_TRUE(first.errors.empty()) << first.errors.front().text();
  EXPECT_TRUE(first.losses.empty());
  EXPECT_TRUE(first.source().release(first.revoked, {}));
}

TEST_F(Kafka,
       a_producer_that_has_lost_its_sequence_is_made_anew_and_its_records_are_written_again) {
  const auto sink = open_sink();
  OutRecord warm;
  warm.value = Bytes::copy_of("warm");
  warm.partition = 0;
  ASSERT_EQ(deliver(*sink, {warm}).size(), 1U);
  // 45: out of order sequence number, from which an idempotent producer does not recover.
  embedded_->fail_next(KafkaRequest::produce, {45});
  std::map<std::uint64_t, Verdict> verdicts;
  std::vector<Verdict> fresh;
  std::size_t written_again = 0;
  const auto deadline = steady_clock::now() + 30s;
  std::uint64_t next = 0;
  while (verdicts.size() < 20 && steady_clock::now() < deadline) {
    if (next < 20) {
      OutRecord record;
      record.value = Bytes::copy_of(std::to_string(next));
      record.partition = 0;
      const auto written = sink->write(record, next);
      ASSERT_TRUE(written) << written.error().text();
      if (*written == Accepted::yes) ++next;
    }
    const auto polled = sink->poll(5ms, fresh);
    ASSERT_TRUE(polled) << polled.error().text();
    for (const Verdict& verdict : fresh) {
      if (!verdict.error) {
        verdicts[verdict.opaque] = verdict;
        continue;
      }
      // Not known to have arrived: the emitter writes it again, and so does this test.
      EXPECT_EQ(verdict.error->kind, Errc::unavailable) << verdict.error->text();
      OutRecord record;
      record.value = Bytes::copy_of(std::to_string(verdict.opaque));
      record.partition = 0;
      ++written_again;
      while (steady_clock::now() < deadline) {
        const auto again = sink->write(record, verdict.opaque);
        ASSERT_TRUE(again) << again.error().text();
        if (*again == Accepted::yes) break;
        std::vector<Verdict> others;
        ASSERT_TRUE(sink->poll(5ms, others));
        for (const Verdict& other : others) {
          if (!other.error) verdicts[other.opaque] = other;
        }
      }
    }
    fresh.clear();
  }
  EXPECT_EQ(verdicts.size(), 20U);
  EXPECT_GT(written_again, 0U);
}

/// A group whose position is behind the end of the log, as after the topic was made anew.
class OutOfRangeTest : public Kafka {
 protected:
  void commit_beyond() {
    produce(10, 0);
    Reader reader(cluster_, source_options());
    ASSERT_TRUE(reader.until([&] { return reader.records.size() == 10; }));
    const Position beyond{reader.leases[0], 5000, {}};
    ASSERT_TRUE(reader.source().close({&beyond, 1}, 10s));
  }
};

TEST_F(OutOfRangeTest, stops_with_both_numbers_unless_it_is_told_otherwise) {
  commit_beyond();
  Reader reader(cluster_, source_options());
  ASSERT_TRUE(reader.until([&] { return !reader.errors.empty(); }, 30s));
  EXPECT_EQ(reader.errors[0].kind, Errc::guarantee_broken);
  EXPECT_EQ(reader.errors[0].code, "OFFSET_OUT_OF_RANGE");
  EXPECT_THAT(reader.errors[0].message, testing::HasSubstr("5000"));
  EXPECT_THAT(reader.errors[0].message, testing::HasSubstr("0 to 10"));
}

TEST_F(OutOfRangeTest, begins_anew_if_it_is_told_to_and_the_old_lease_is_lost) {
  commit_beyond();
  KafkaSourceOptions options = source_options();
  options.on_out_of_range = OutOfRange::earliest;
  Reader reader(cluster_, options);
  ASSERT_TRUE(reader.until([&] { return reader.records.size() == 10; }, 30s));
  EXPECT_EQ(reader.losses.size(), 1U);
  EXPECT_TRUE(reader.errors.empty());
  for (const Record& record : reader.records) EXPECT_EQ(record.origin.lease, reader.leases[0]);
}

TEST_F(OutOfRangeTest, goes_on_at_the_end_if_it_is_told_to) {
  commit_beyond();
  KafkaSourceOptions options = source_options();
  options.on_out_of_range = OutOfRange::latest;
  Reader reader(cluster_, options);
  ASSERT_TRUE(reader.until([&] { return !reader.losses.empty(); }, 30s));
  EXPECT_EQ(reader.assigned_at[0], 10);
  produce(3, 0);
  ASSERT_TRUE(reader.until([&] { return reader.records.size() == 3; }, 30s));
}

TEST_F(Kafka, the_admin_knows_topics_and_their_ends) {
  produce(7, 1);
  auto admin = make_kafka_admin(cluster_, {});
  ASSERT_TRUE(admin) << admin.error().text();
  const auto topics = (*admin)->topics({"in"}, 10s);
  ASSERT_TRUE(topics) << topics.error().text();
  EXPECT_TRUE((*topics)[0].exists);
  EXPECT_EQ((*topics)[0].partitions, 2);
  const auto ends = (*admin)->watermarks("in", 1, 10s);
  ASSERT_TRUE(ends) << ends.error().text();
  EXPECT_EQ(*ends, std::pair(std::int64_t{0}, std::int64_t{7}));
}

}  // namespace
}  // namespace millrace::connectors
