#include "connectors/memory/source.h"
#include "connectors/stdio/source.h"
#include "connectors/table/table.h"
#include "tests/connectors/table/tagged.h"
#include "tests/support/worker_process.h"

#include <chrono>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

// What contract/source.h promises, asked of every kind of source.

namespace millrace::connectors {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using testing::ElementsAreArray;
using Values = std::vector<std::string>;

constexpr auto kPatience = 60s;

/// Where a source reads from. Values are put there before it is opened.
class Place {
 public:
  virtual ~Place() = default;
  virtual void put(const Values& values) = 0;
  virtual std::unique_ptr<Source> source() = 0;
};

class MemoryPlace final : public Place {
 public:
  void put(const Values& values) override { values_ = values; }

  std::unique_ptr<Source> source() override {
    auto source = std::make_unique<MemorySource>();
    for (const std::string& value : values_) source->push(0, value);
    source->finish();
    return source;
  }

 private:
  Values values_;
};

std::string lines(const Values& values) {
  std::string text;
  for (const std::string& value : values) text += value + "\n";
  return text;
}

class FilePlace final : public Place {
 public:
  void put(const Values& values) override { tests::write_file(file(), lines(values)); }

  std::unique_ptr<Source> source() override {
    return make_source(tagged("files", "{path: \"" + file() + "\"}"), {}, {});
  }

 private:
  std::string file() const { return folder_.path() / "in.jsonl"; }

  tests::TemporaryFolder folder_;
};

class StdioPlace final : public Place {
 public:
  StdioPlace() { EXPECT_EQ(::pipe2(ends_, O_CLOEXEC), 0); }

  ~StdioPlace() override { ::close(ends_[0]); }

  StdioPlace(const StdioPlace&) = delete;
  StdioPlace& operator=(const StdioPlace&) = delete;

  void put(const Values& values) override {
    const std::string text = lines(values);
    EXPECT_EQ(::write(ends_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    ::close(ends_[1]);
  }

  std::unique_ptr<Source> source() override { return make_stdio_source(ends_[0]); }

 private:
  int ends_[2] = {-1, -1};
};

class KafkaPlace final : public Place {
 public:
  /// The embedded broker lets a second member wait for the session of one that has left.
  static constexpr const char* kOptions =
      "{cluster: main, topics: [topic], group: group, session_timeout: 6s, heartbeat_interval: 1s}";

  KafkaPlace() : broker_(*EmbeddedBroker::start()) {
    EXPECT_TRUE(broker_->create_topic("topic", 1));
  }

  void put(const Values& values) override {
    const auto sink = make_sink(tagged("kafka", "{cluster: main, topic: topic}"), clusters(), {});
    ASSERT_TRUE(sink->open());
    std::vector<Verdict> verdicts;
    for (const std::string& value : values) {
      OutRecord record;
      record.value = Bytes::copy_of(value);
      ASSERT_TRUE(sink->write(record, 0));
    }
    const auto deadline = steady_clock::now() + kPatience;
    while (sink->outstanding() > 0 && steady_clock::now() < deadline)
      ASSERT_TRUE(sink->poll(100ms, verdicts));
    ASSERT_EQ(verdicts.size(), values.size());
    ASSERT_TRUE(sink->close(10s));
  }

  std::unique_ptr<Source> source() override {
    return make_source(tagged("kafka", kOptions), clusters(), {});
  }

 private:
  Clusters clusters() const { return one_cluster(broker_->brokers()); }

  std::unique_ptr<EmbeddedBroker> broker_;
};

struct SourceKind {
  std::string name;
  bool bounded;
  std::function<std::unique_ptr<Place>()> make;
};

void PrintTo(const SourceKind& kind, std::ostream* out) { *out << kind.name; }

class SourceContract : public testing::TestWithParam<SourceKind> {
 protected:
  /// Opens a source over these values.
  Source& open(const Values& values) {
    place_ = GetParam().make();
    place_->put(values);
    source_ = place_->source();
    const auto opened = source_->open();
    EXPECT_TRUE(opened) << opened.error().text();
    return *source_;
  }

  std::unique_ptr<Place> place_;
  std::unique_ptr<Source> source_;
};

struct ReadOut {
  std::vector<Assigned> assigned;
  std::vector<Record> records;
  bool exhausted = false;

  Values values() const {
    Values all;
    for (const Record& record : records) all.emplace_back(record.value.view());
    return all;
  }
};

void poll_once(Source& source, std::size_t max_records, ReadOut& out) {
  auto polled = source.poll(100ms, max_records);
  ASSERT_TRUE(polled) << polled.error().text();
  EXPECT_LE(polled->records.size(), max_records);
  for (const SourceEvent& event : polled->events) {
    ASSERT_TRUE(std::holds_alternative<Assigned>(event));
    out.assigned.push_back(std::get<Assigned>(event));
  }
  for (Record& record : polled->records) {
    EXPECT_FALSE(out.assigned.empty()) << "records come after their assignment";
    out.records.push_back(std::move(record));
  }
  out.exhausted = polled->exhausted;
}

/// Polls until so many records have come, or patience ends.
void read(Source& source, std::size_t count, std::size_t max_records, ReadOut& out) {
  const auto deadline = steady_clock::now() + kPatience;
  while (out.records.size() < count && !testing::Test::HasFatalFailure() &&
         steady_clock::now() < deadline)
    poll_once(source, max_records, out);
}

Values numbers(int count) {
  Values values;
  for (int i = 0; i < count; ++i) values.push_back(fmt::format("{{\"n\":{}}}", i));
  return values;
}

TEST_P(SourceContract, gives_all_records_in_order_under_the_lease_that_it_announced) {
  const Values values = numbers(500);
  Source& source = open(values);
  ReadOut out;

  read(source, values.size(), 7, out);

  EXPECT_THAT(out.values(), ElementsAreArray(values));
  ASSERT_EQ(out.assigned.size(), 1U);
  EXPECT_NE(out.assigned[0].lease, 0U);
  EXPECT_EQ(out.assigned[0].position, 0);
  EXPECT_EQ(out.assigned[0].metadata, "");
  std::int64_t next = out.assigned[0].position;
  for (const Record& record : out.records) {
    EXPECT_EQ(record.origin.lease, out.assigned[0].lease);
    EXPECT_EQ(record.origin.topic, out.assigned[0].topic);
    EXPECT_EQ(record.origin.partition, out.assigned[0].partition);
    EXPECT_EQ(record.origin.offset, next++);
    EXPECT_GE(record.size_bytes, record.value.size());
  }
}

TEST_P(SourceContract, is_exhausted_after_the_last_record_if_ever) {
  Source& source = open(numbers(3));
  ReadOut out;
  read(source, 2, 1, out);
  EXPECT_FALSE(out.exhausted);

  read(source, 3, 1, out);
  for (int i = 0; i < 3; ++i) poll_once(source, 1, out);

  EXPECT_EQ(out.exhausted, GetParam().bounded);
  EXPECT_EQ(out.records.size(), 3U);
}

TEST_P(SourceContract, returns_at_once_when_told_not_to_wait) {
  Source& source = open({});
  const auto before = steady_clock::now();

  for (int i = 0; i < 100; ++i) ASSERT_TRUE(source.poll(0ms, 10));

  EXPECT_LT(steady_clock::now() - before, 2s);
}

TEST_P(SourceContract, gives_nothing_while_paused_and_goes_on_behind_it) {
  const Values values = numbers(20);
  Source& source = open(values);
  ReadOut out;
  read(source, 1, 1, out);
  const std::vector<LeaseId> leases = {out.assigned.at(0).lease};

  source.pause(leases);
  source.pause(leases);
  for (int i = 0; i < 5; ++i) poll_once(source, 10, out);
  EXPECT_EQ(out.records.size(), 1U);
  source.resume(leases);
  source.resume(leases);
  read(source, values.size(), 10, out);

  EXPECT_THAT(out.values(), ElementsAreArray(values));
}

TEST_P(SourceContract, does_not_mind_leases_that_are_not_its_own) {
  const Values values = numbers(3);
  Source& source = open(values);
  const std::vector<LeaseId> others = {new_lease()};
  source.pause(others);
  source.resume(others);
  ReadOut out;

  read(source, values.size(), 10, out);

  EXPECT_THAT(out.values(), ElementsAreArray(values));
}

TEST_P(SourceContract, tells_how_far_it_has_come) {
  Source& source = open(numbers(5));
  ReadOut out;
  read(source, 3, 1, out);

  const SourceProgress progress = source.progress();

  ASSERT_EQ(progress.partitions.size(), 1U);
  EXPECT_EQ(progress.partitions[0].lease, out.assigned.at(0).lease);
  EXPECT_EQ(progress.partitions[0].topic, out.assigned.at(0).topic);
  EXPECT_EQ(progress.partitions[0].position, 3);
}

TEST_P(SourceContract, takes_positions_and_closes) {
  Source& source = open(numbers(3));
  ReadOut out;
  read(source, 3, 10, out);
  const std::vector<Position> positions = {{out.assigned.at(0).lease, 3, "map"}};

  EXPECT_TRUE(source.commit(positions));
  EXPECT_TRUE(source.close(positions, 10s));
}

TEST_P(SourceContract, records_outlive_further_reading_and_the_close) {
  const Values values = numbers(300);
  Source& source = open(values);
  ReadOut out;
  read(source, values.size(), 10, out);

  EXPECT_TRUE(source.close({}, 10s));

  EXPECT_THAT(out.values(), ElementsAreArray(values));
}

INSTANTIATE_TEST_SUITE_P(
    EachKind,
    SourceContract,
    testing::Values(SourceKind{"memory", true, [] { return std::make_unique<MemoryPlace>(); }},
                    SourceKind{"files", true, [] { return std::make_unique<FilePlace>(); }},
                    SourceKind{"stdio", true, [] { return std::make_unique<StdioPlace>(); }},
                    SourceKind{"kafka", false, [] { return std::make_unique<KafkaPlace>(); }}),
    [](const auto& instance) { return instance.param.name; });

struct Restart {
  std::int64_t position = -1;
  std::string metadata;
  Values values;
};

/// Reads four records, commits behind two of them, leaves, and returns what a restart gives.
Restart restarted(Place& place, std::size_t expected) {
  place.put(numbers(4));
  {
    const auto source = place.source();
    EXPECT_TRUE(source->open());
    ReadOut out;
    read(*source, 4, 4, out);
    const std::vector<Position> positions = {{out.assigned.at(0).lease, 2, "map"}};
    EXPECT_TRUE(source->close(positions, 10s));
  }
  const auto source = place.source();
  EXPECT_TRUE(source->open());
  ReadOut out;
  read(*source, expected, 4, out);
  EXPECT_TRUE(source->close({}, 10s));
  return {out.assigned.at(0).position, out.assigned.at(0).metadata, out.values()};
}

TEST(SourceRestart, goes_on_behind_the_committed_position_in_kafka) {
  KafkaPlace place;

  const Restart restart = restarted(place, 2);

  EXPECT_TRUE(place.source()->keeps_positions());
  EXPECT_EQ(restart.position, 2);
  EXPECT_EQ(restart.metadata, "map");
  EXPECT_THAT(restart.values, ElementsAreArray({"{\"n\":2}", "{\"n\":3}"}));
}

TEST(SourceRestart, begins_anew_with_files) {
  FilePlace place;

  const Restart restart = restarted(place, 4);

  EXPECT_FALSE(place.source()->keeps_positions());
  EXPECT_EQ(restart.position, 0);
  EXPECT_EQ(restart.metadata, "");
  EXPECT_THAT(restart.values, ElementsAreArray(numbers(4)));
}

}  // namespace
}  // namespace millrace::connectors
