#include "config/base/limits.h"
#include "connectors/stdio/sink.h"
#include "connectors/stdio/source.h"
#include "tests/support/worker_process.h"

#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

namespace millrace::connectors {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using testing::ElementsAre;
using testing::IsEmpty;
using tests::TemporaryFolder;
using tests::write_file;

/// A pipe whose ends are closed with it.
class Pipe {
 public:
  Pipe() { EXPECT_EQ(::pipe2(ends_, O_CLOEXEC), 0); }

  ~Pipe() {
    close_read();
    close_write();
  }

  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int read_end() const { return ends_[0]; }

  int write_end() const { return ends_[1]; }

  void close_read() { close_end(0); }

  void close_write() { close_end(1); }

  void put(std::string_view text) const {
    ASSERT_EQ(::write(write_end(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  /// Takes what is there, at most so much.
  std::string take(std::size_t size) const {
    std::string text(size, '\0');
    const ssize_t got = ::read(read_end(), text.data(), size);
    text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return text;
  }

 private:
  void close_end(int end) {
    if (ends_[end] >= 0) ::close(ends_[end]);
    ends_[end] = -1;
  }

  int ends_[2] = {-1, -1};
};

std::vector<std::string> values_of(const Polled& polled) {
  std::vector<std::string> values;
  for (const Record& record : polled.records) values.emplace_back(record.value.view());
  return values;
}

Result<Accepted> write(Sink& sink, std::string_view value, std::uint64_t opaque = 0) {
  OutRecord record;
  record.value = Bytes::copy_of(value);
  return sink.write(record, opaque);
}

TEST(StdioSource, gives_lines_as_they_come_and_is_exhausted_at_the_end) {
  Pipe pipe;
  const auto source = make_stdio_source(pipe.read_end());
  ASSERT_TRUE(source->open());
  pipe.put("a\nb\nhal");

  const auto first = source->poll(10s, 100);
  pipe.put("f\nlast");
  const auto second = source->poll(10s, 100);
  pipe.close_write();
  const auto third = source->poll(10s, 100);

  ASSERT_TRUE(first);
  EXPECT_EQ(first->events.size(), 1U);
  EXPECT_THAT(values_of(*first), ElementsAre("a", "b"));
  EXPECT_EQ(to_text(first->records[1].origin), "stdin[0]@1");
  EXPECT_FALSE(first->exhausted);
  EXPECT_THAT(values_of(*second), ElementsAre("half"));
  EXPECT_THAT(values_of(*third), ElementsAre("last"));
  EXPECT_TRUE(third->exhausted);
}

TEST(StdioSource, does_not_wait_when_told_not_to) {
  const Pipe pipe;
  const auto source = make_stdio_source(pipe.read_end());
  ASSERT_TRUE(source->open());
  ASSERT_TRUE(source->poll(0ms, 100));
  const auto before = steady_clock::now();

  const auto polled = source->poll(0ms, 100);

  ASSERT_TRUE(polled);
  EXPECT_THAT(polled->records, IsEmpty());
  EXPECT_FALSE(polled->exhausted);
  EXPECT_LT(steady_clock::now() - before, 5s);
}

TEST(StdioSource, waits_as_long_as_told_and_no_longer) {
  const Pipe pipe;
  const auto source = make_stdio_source(pipe.read_end());
  ASSERT_TRUE(source->open());
  ASSERT_TRUE(source->poll(0ms, 100));
  const auto before = steady_clock::now();

  ASSERT_TRUE(source->poll(30ms, 100));

  EXPECT_GE(steady_clock::now() - before, 30ms);
  EXPECT_LT(steady_clock::now() - before, 10s);
}

TEST(StdioSource, gives_no_more_than_asked_for) {
  Pipe pipe;
  const auto source = make_stdio_source(pipe.read_end());
  ASSERT_TRUE(source->open());
  pipe.put("a\nb\nc\n");
  pipe.close_write();

  EXPECT_THAT(values_of(*source->poll(1s, 2)), ElementsAre("a", "b"));
  const auto rest = source->poll(1s, 2);
  EXPECT_THAT(values_of(*rest), ElementsAre("c"));
  EXPECT_TRUE(source->poll(1s, 2)->exhausted);
}

TEST(StdioSource, reads_a_file_as_well_as_a_pipe) {
  const TemporaryFolder folder;
  write_file(folder.path() / "in", "a\nb");
  const int file = ::open((folder.path() / "in").c_str(), O_RDONLY | O_CLOEXEC);
  const auto source = make_stdio_source(file);
  ASSERT_TRUE(source->open());
  std::vector<std::string> values;
  for (bool done = false; !done;) {
    const auto polled = source->poll(1s, 100);
    ASSERT_TRUE(polled);
    for (const std::string& value : values_of(*polled)) values.push_back(value);
    done = polled->exhausted;
  }
  ::close(file);

  EXPECT_THAT(values, ElementsAre("a", "b"));
}

TEST(StdioSource, an_input_without_lines_is_exhausted_at_once) {
  Pipe pipe;
  pipe.close_write();
  const auto source = make_stdio_source(pipe.read_end());
  ASSERT_TRUE(source->open());
  bool exhausted = source->poll(1s, 100)->exhausted;
  exhausted = exhausted || source->poll(1s, 100)->exhausted;

  EXPECT_TRUE(exhausted);
}

TEST(StdioSource, gives_the_lines_before_one_that_is_too_long) {
  const TemporaryFolder folder;
  write_file(folder.path() / "in",
             "ok\n" + std::string(config::kMaxRecordValueBytes + 1, 'x') + "\nnever\n");
  const int file = ::open((folder.path() / "in").c_str(), O_RDONLY | O_CLOEXEC);
  const auto source = make_stdio_source(file);
  ASSERT_TRUE(source->open());
  std::vector<std::string> values;
  auto polled = source->poll(1s, 100);
  for (int i = 0; i < 1000 && polled; ++i) {
    for (const std::string& value : values_of(*polled)) values.push_back(value);
    polled = source->poll(1s, 100);
  }
  ::close(file);

  EXPECT_THAT(values, ElementsAre("ok"));
  ASSERT_FALSE(polled);
  EXPECT_EQ(polled.error().code, "LINE_TOO_LONG");
  EXPECT_EQ(source->poll(0ms, 100).error().code, "LINE_TOO_LONG");
}

TEST(StdioSource, an_input_that_cannot_be_read_is_an_error_and_no_end) {
  const int folder = ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const auto source = make_stdio_source(folder);
  ASSERT_TRUE(source->open());
  auto polled = source->poll(0ms, 1);
  if (polled) polled = source->poll(0ms, 1);
  ::close(folder);

  ASSERT_FALSE(polled);
  EXPECT_EQ(polled.error().code, "READ_FAILED");
  EXPECT_EQ(polled.error().kind, Errc::local_io);
}

TEST(StdioSink, writes_a_line_for_each_record_and_acknowledges_it) {
  Pipe pipe;
  const auto sink = make_stdio_sink(pipe.write_end());
  ASSERT_TRUE(sink->open());
  ASSERT_TRUE(write(*sink, "a", 1));
  ASSERT_TRUE(write(*sink, "b", 2));
  EXPECT_EQ(sink->outstanding(), 2U);
  std::vector<Verdict> verdicts;

  ASSERT_TRUE(sink->poll(0ms, verdicts));

  ASSERT_EQ(verdicts.size(), 2U);
  EXPECT_EQ(verdicts[0].opaque, 1U);
  EXPECT_FALSE(verdicts[0].error);
  EXPECT_EQ(verdicts[1].opaque, 2U);
  EXPECT_EQ(sink->outstanding(), 0U);
  EXPECT_EQ(pipe.take(100), "a\nb\n");
}

TEST(StdioSink, refuses_a_value_that_would_become_two_lines) {
  const Pipe pipe;
  const auto sink = make_stdio_sink(pipe.write_end());
  ASSERT_TRUE(sink->open());

  const auto refused = write(*sink, "a\nb");

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "NEWLINE_IN_VALUE");
  EXPECT_EQ(sink->outstanding(), 0U);
}

TEST(StdioSink, a_reader_that_does_not_read_blocks_nobody_and_fills_it) {
  const Pipe pipe;
  const auto sink = make_stdio_sink(pipe.write_end());
  ASSERT_TRUE(sink->open());
  const std::string value(64U << 10U, 'x');
  std::vector<Verdict> verdicts;
  OutRecord record;
  Accepted answer = Accepted::yes;
  for (std::uint64_t i = 0; i < 100 && answer == Accepted::yes; ++i) {
    record.value = Bytes::copy_of(value);
    answer = *sink->write(record, i);
    ASSERT_TRUE(sink->poll(0ms, verdicts));
  }

  EXPECT_EQ(answer, Accepted::full);
  EXPECT_EQ(record.value.view(), value);
  EXPECT_GT(sink->outstanding(), 0U);
}

TEST(StdioSink, a_slow_reader_gets_every_line_in_order) {
  Pipe pipe;
  std::string seen;
  std::thread reader([&] {
    for (std::string piece = pipe.take(777); !piece.empty(); piece = pipe.take(777)) seen += piece;
  });
  const auto sink = make_stdio_sink(pipe.write_end());
  ASSERT_TRUE(sink->open());
  std::string expected;
  std::vector<Verdict> verdicts;
  for (std::uint64_t i = 0; i < 3000; ++i) {
    const std::string value = std::to_string(i) + std::string(1000, 'x');
    expected += value + "\n";
    OutRecord record;
    record.value = Bytes::copy_of(value);
    while (*sink->write(record, i) == Accepted::full) ASSERT_TRUE(sink->poll(10s, verdicts));
    ASSERT_TRUE(sink->poll(0ms, verdicts));
  }
  while (sink->outstanding() > 0) ASSERT_TRUE(sink->poll(10s, verdicts));
  ASSERT_TRUE(sink->close(1s));
  pipe.close_write();
  reader.join();

  EXPECT_EQ(verdicts.size(), 3000U);
  EXPECT_EQ(seen, expected);
}

TEST(StdioSink, says_that_the_reader_has_gone) {
  std::signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  const auto sink = make_stdio_sink(pipe.write_end());
  ASSERT_TRUE(sink->open());
  pipe.close_read();
  ASSERT_TRUE(write(*sink, "a"));
  std::vector<Verdict> verdicts;

  const auto polled = sink->poll(0ms, verdicts);

  ASSERT_FALSE(polled);
  EXPECT_EQ(polled.error().code, "PIPE_CLOSED");
  EXPECT_EQ(polled.error().kind, Errc::local_io);
  EXPECT_THAT(verdicts, IsEmpty());
}

TEST(StdioSink, says_that_the_disk_is_full) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  const auto sink = make_stdio_sink(full);
  ASSERT_TRUE(sink->open());
  ASSERT_TRUE(write(*sink, "a"));
  std::vector<Verdict> verdicts;

  const auto polled = sink->poll(0ms, verdicts);
  ::close(full);

  ASSERT_FALSE(polled);
  EXPECT_EQ(polled.error().code, "WRITE_FAILED");
}

}  // namespace
}  // namespace millrace::connectors
