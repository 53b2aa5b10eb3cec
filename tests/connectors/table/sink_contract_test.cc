#include "connectors/memory/sink.h"
#include "connectors/stdio/sink.h"
#include "connectors/table/table.h"
#include "tests/connectors/table/tagged.h"
#include "tests/support/worker_process.h"

#include <chrono>
#include <functional>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

// What contract/sink.h promises, asked of every kind of sink.

namespace millrace::connectors {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using testing::ElementsAreArray;
using Values = std::vector<std::string>;

constexpr auto kPatience = 60s;

/// Where a sink writes to.
class Place {
 public:
  virtual ~Place() = default;
  virtual Sink& sink() = 0;

  /// Returns so many values as a reader finds them.
  virtual Values written(std::size_t count) = 0;
};

/// Reads until so many records have come, or the source ends.
Values read(Source& source, std::size_t count) {
  Values values;
  EXPECT_TRUE(source.open());
  const auto deadline = steady_clock::now() + kPatience;
  for (bool done = false; !done && values.size() < count && steady_clock::now() < deadline;) {
    const auto polled = source.poll(100ms, 100);
    EXPECT_TRUE(polled) << polled.error().text();
    if (!polled) break;
    for (const Record& record : polled->records) values.emplace_back(record.value.view());
    done = polled->exhausted;
  }
  EXPECT_TRUE(source.close({}, 10s));
  return values;
}

class MemoryPlace final : public Place {
 public:
  Sink& sink() override { return sink_; }

  Values written(std::size_t) override {
    Values values;
    for (const auto& written : sink_.delivered()) values.emplace_back(written.record.value.view());
    return values;
  }

 private:
  MemorySink sink_;
};

class FilePlace final : public Place {
 public:
  explicit FilePlace(const std::string& name)
      : options_(tagged("files", "{path: \"" + (folder_.path() / name).string() + "\"}")),
        sink_(make_sink(options_, {}, {})) {}

  Sink& sink() override { return *sink_; }

  Values written(std::size_t count) override { return read(*make_source(options_, {}, {}), count); }

 private:
  tests::TemporaryFolder folder_;
  config::Tagged options_;
  std::unique_ptr<Sink> sink_;
};

class StdioPlace final : public Place {
 public:
  StdioPlace()
      : file_(::open((folder_.path() / "out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)),
        sink_(make_stdio_sink(file_)) {}

  ~StdioPlace() override { ::close(file_); }

  StdioPlace(const StdioPlace&) = delete;
  StdioPlace& operator=(const StdioPlace&) = delete;

  Sink& sink() override { return *sink_; }

  Values written(std::size_t count) override {
    const std::string path = "{path: \"" + (folder_.path() / "out").string() + "\"}";
    return read(*make_source(tagged("files", path), {}, {}), count);
  }

 private:
  tests::TemporaryFolder folder_;
  int file_;
  std::unique_ptr<Sink> sink_;
};

class KafkaPlace final : public Place {
 public:
  KafkaPlace() : broker_(*EmbeddedBroker::start()), clusters_(one_cluster(broker_->brokers())) {
    EXPECT_TRUE(broker_->create_topic("topic", 1));
    sink_ = make_sink(tagged("kafka", "{cluster: main, topic: topic}"), clusters_, {});
  }

  Sink& sink() override { return *sink_; }

  Values written(std::size_t count) override {
    const auto options = tagged("kafka", "{cluster: main, topics: [topic], group: group}");
    return read(*make_source(options, clusters_, {}), count);
  }

 private:
  std::unique_ptr<EmbeddedBroker> broker_;
  Clusters clusters_;
  std::unique_ptr<Sink> sink_;
};

struct SinkKind {
  std::string name;
  std::function<std::unique_ptr<Place>()> make;
};

void PrintTo(const SinkKind& kind, std::ostream* out) { *out << kind.name; }

class SinkContract : public testing::TestWithParam<SinkKind> {
 protected:
  SinkContract() : place_(GetParam().make()), sink_(place_->sink()) {
    const auto opened = sink_.open();
    EXPECT_TRUE(opened) << opened.error().text();
  }

  void write(const Values& values) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      OutRecord record;
      record.value = Bytes::copy_of(values[i]);
      const auto accepted = sink_.write(record, i);
      ASSERT_TRUE(accepted);
      ASSERT_EQ(*accepted, Accepted::yes);
    }
  }

  /// Polls until no verdict is missing.
  std::vector<Verdict> verdicts() {
    std::vector<Verdict> verdicts;
    const auto deadline = steady_clock::now() + kPatience;
    EXPECT_TRUE(sink_.flush());
    while (sink_.outstanding() > 0 && steady_clock::now() < deadline) {
      const auto polled = sink_.poll(100ms, verdicts);
      EXPECT_TRUE(polled) << polled.error().text();
      if (!polled) break;
    }
    return verdicts;
  }

  std::unique_ptr<Place> place_;
  Sink& sink_;
};

Values numbers(int count) {
  Values values;
  for (int i = 0; i < count; ++i) values.push_back(fmt::format("{{\"n\":{}}}", i));
  return values;
}

TEST_P(SinkContract, gives_each_record_one_good_verdict) {
  write(numbers(200));
  EXPECT_EQ(sink_.outstanding(), 200U);

  const auto given = verdicts();

  std::set<std::uint64_t> opaques;
  for (const Verdict& verdict : given) {
    EXPECT_FALSE(verdict.error);
    opaques.insert(verdict.opaque);
  }
  EXPECT_EQ(given.size(), 200U);
  EXPECT_EQ(opaques.size(), 200U);
  EXPECT_EQ(*opaques.rbegin(), 199U);
  EXPECT_EQ(sink_.outstanding(), 0U);
}

TEST_P(SinkContract, what_has_its_verdict_can_be_read_in_the_order_written) {
  const Values values = numbers(300);
  write(values);
  ASSERT_EQ(verdicts().size(), values.size());

  // Before the close: a verdict is a promise already.
  EXPECT_THAT(place_->written(values.size()), ElementsAreArray(values));
}

TEST_P(SinkContract, returns_at_once_when_told_not_to_wait) {
  std::vector<Verdict> none;
  const auto before = steady_clock::now();

  for (int i = 0; i < 100; ++i) ASSERT_TRUE(sink_.poll(0ms, none));

  EXPECT_LT(steady_clock::now() - before, 2s);
  EXPECT_TRUE(none.empty());
}

TEST_P(SinkContract, flushes_and_closes_with_nothing_to_do) {
  EXPECT_TRUE(sink_.flush());
  EXPECT_TRUE(sink_.close(10s));
}

TEST_P(SinkContract, goes_on_after_a_flush) {
  write({"{\"n\":0}"});
  ASSERT_EQ(verdicts().size(), 1U);

  write({"{\"n\":1}"});
  ASSERT_EQ(verdicts().size(), 1U);
  ASSERT_TRUE(sink_.close(10s));

  EXPECT_THAT(place_->written(2), ElementsAreArray(numbers(2)));
}

template <typename T>
SinkKind kind(const std::string& name) {
  return {name, [] { return std::make_unique<T>(); }};
}

SinkKind files(const std::string& name, const std::string& file) {
  return {name, [file] { return std::make_unique<FilePlace>(file); }};
}

INSTANTIATE_TEST_SUITE_P(EachKind,
                         SinkContract,
                         testing::Values(kind<MemoryPlace>("memory"),
                                         files("files", "out.jsonl"),
                                         files("files_gzip", "out.jsonl.gz"),
                                         files("files_zstd", "out.jsonl.zst"),
                                         kind<StdioPlace>("stdio"),
                                         kind<KafkaPlace>("kafka")),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace millrace::connectors
