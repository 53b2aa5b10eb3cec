#include "connectors/file/sink.h"

#include "connectors/file/source.h"
#include "tests/support/worker_process.h"

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>

namespace millrace::connectors {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using tests::read_file;
using tests::TemporaryFolder;
using tests::write_file;

std::unique_ptr<Sink> sink_to(const std::string& path, Existing existing = Existing::append) {
  return make_file_sink(FileSinkOptions{path, existing});
}

Result<Accepted> write(Sink& sink, std::string_view value, std::uint64_t opaque = 0) {
  OutRecord record;
  record.value = Bytes::copy_of(value);
  return sink.write(record, opaque);
}

std::vector<std::uint64_t> verdicts_of(Sink& sink) {
  std::vector<Verdict> verdicts;
  EXPECT_TRUE(sink.poll(0ms, verdicts));
  std::vector<std::uint64_t> opaques;
  for (const Verdict& verdict : verdicts) {
    EXPECT_FALSE(verdict.error);
    opaques.push_back(verdict.opaque);
  }
  return opaques;
}

/// Writes values, syncs, closes.
void put(const std::string& path,
         const std::vector<std::string>& values,
         Existing existing = Existing::append) {
  const auto sink = sink_to(path, existing);
  ASSERT_TRUE(sink->open());
  for (const std::string& value : values) ASSERT_TRUE(write(*sink, value));
  ASSERT_TRUE(sink->flush());
  ASSERT_EQ(verdicts_of(*sink).size(), values.size());
  ASSERT_TRUE(sink->close(1s));
}

std::vector<std::string> read_back(const std::string& path) {
  const auto source = make_file_source(FileSourceOptions{{path}});
  EXPECT_TRUE(source->open());
  std::vector<std::string> values;
  for (bool done = false; !done;) {
    auto polled = source->poll(0ms, 1000);
    EXPECT_TRUE(polled) << polled.error().text();
    if (!polled) break;
    for (const Record& record : polled->records) values.emplace_back(record.value.view());
    done = polled->exhausted;
  }
  return values;
}

TEST(FileSink, writes_a_line_for_each_record_into_a_folder_that_it_makes) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "new" / "deeper" / "out.jsonl";

  put(file, {"a", "b"});

  EXPECT_EQ(read_file(file), "a\nb\n");
}

TEST(FileSink, acknowledges_only_what_is_in_the_file) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "out";
  const auto sink = sink_to(file);
  ASSERT_TRUE(sink->open());
  ASSERT_TRUE(write(*sink, "a", 7));
  EXPECT_EQ(sink->outstanding(), 1U);

  EXPECT_THAT(verdicts_of(*sink), IsEmpty());
  EXPECT_EQ(read_file(file), "");

  ASSERT_TRUE(sink->flush());
  EXPECT_THAT(verdicts_of(*sink), ElementsAre(7));
  EXPECT_EQ(read_file(file), "a\n");
  EXPECT_EQ(sink->outstanding(), 0U);
}

class PackedSink : public testing::TestWithParam<std::string> {};

TEST_P(PackedSink, can_be_read_up_to_the_last_acknowledgement_without_a_close) {
  const TemporaryFolder folder;
  const std::string file = folder.path() / ("out" + GetParam());
  const auto sink = sink_to(file);
  ASSERT_TRUE(sink->open());
  for (const char* value : {"one", "two"}) {
    ASSERT_TRUE(write(*sink, value));
    ASSERT_TRUE(sink->flush());
    ASSERT_EQ(verdicts_of(*sink).size(), 1U);
  }

  EXPECT_THAT(read_back(file), ElementsAre("one", "two"));
  EXPECT_NE(read_file(file).substr(0, 3), "one");
}

TEST_P(PackedSink, is_not_appended_to) {
  const TemporaryFolder folder;
  const std::string file = folder.path() / ("out" + GetParam());
  put(file, {"old"});

  const auto opened = sink_to(file)->open();

  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, "FILE_EXISTS");
  EXPECT_THAT(read_back(file), ElementsAre("old"));
}

INSTANTIATE_TEST_SUITE_P(EachPacking,
                         PackedSink,
                         testing::Values(".gz", ".zst"),
                         [](const auto& instance) { return instance.param.substr(1); });

TEST(FileSink, appends_to_what_is_there) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "out";
  put(file, {"a"});

  put(file, {"b"});

  EXPECT_EQ(read_file(file), "a\nb\n");
}

TEST(FileSink, a_line_that_a_crash_has_torn_does_not_swallow_the_next) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "out";
  write_file(file, "a\nhal");

  put(file, {"b"});

  EXPECT_EQ(read_file(file), "a\nhal\nb\n");
}

TEST(FileSink, replaces_a_file_only_when_told) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "out";
  write_file(file, "old\n");

  const auto refused = sink_to(file, Existing::refuse)->open();

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "FILE_EXISTS");
  EXPECT_THAT(refused.error().message, HasSubstr("existing: replace"));
  EXPECT_EQ(read_file(file), "old\n");

  put(file, {"new"}, Existing::replace);

  EXPECT_EQ(read_file(file), "new\n");
}

TEST(FileSink, an_empty_file_holds_nothing_to_be_lost) {
  const TemporaryFolder folder;
  write_file(folder.path() / "out", "");

  EXPECT_TRUE(sink_to(folder.path() / "out", Existing::refuse)->open());
}

TEST(FileSink, refuses_a_value_that_would_become_two_lines) {
  const TemporaryFolder folder;
  const auto sink = sink_to(folder.path() / "out");
  ASSERT_TRUE(sink->open());

  const auto refused = write(*sink, "a\nb");

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "NEWLINE_IN_VALUE");
  EXPECT_EQ(refused.error().kind, Errc::invalid_input);
  EXPECT_EQ(sink->outstanding(), 0U);
}

TEST(FileSink, is_full_at_some_point_and_leaves_the_record_as_it_was) {
  const TemporaryFolder folder;
  const auto sink = sink_to(folder.path() / "out");
  ASSERT_TRUE(sink->open());
  const std::string value(1U << 20U, 'x');
  std::size_t taken = 0;
  OutRecord record;
  Accepted answer = Accepted::yes;
  while (answer == Accepted::yes && taken < 100) {
    record.value = Bytes::copy_of(value);
    answer = *sink->write(record, taken);
    if (answer == Accepted::yes) ++taken;
  }

  ASSERT_EQ(answer, Accepted::full);
  EXPECT_EQ(record.value.view(), value);
  EXPECT_EQ(verdicts_of(*sink).size(), taken);
  EXPECT_EQ(*sink->write(record, 0), Accepted::yes);
}

TEST(FileSink, acknowledges_nothing_after_a_write_has_failed) {
  // Every write to this device finds the disk full.
  const auto sink = sink_to("/dev/full");
  ASSERT_TRUE(sink->open());
  ASSERT_TRUE(write(*sink, "lost"));
  ASSERT_TRUE(sink->flush());
  std::vector<Verdict> verdicts;

  const auto first = sink->poll(0ms, verdicts);
  ASSERT_TRUE(sink->flush());
  const auto second = sink->poll(0ms, verdicts);
  const auto closed = sink->close(1s);

  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code, "WRITE_FAILED");
  EXPECT_EQ(first.error().kind, Errc::local_io);
  EXPECT_THAT(first.error().message, HasSubstr("/dev/full"));
  EXPECT_FALSE(second);
  EXPECT_FALSE(closed);
  EXPECT_THAT(verdicts, IsEmpty());
}

TEST(FileSink, says_which_file_cannot_be_opened) {
  const TemporaryFolder folder;
  write_file(folder.path() / "file", "");

  const auto opened = sink_to(folder.path() / "file" / "out")->open();

  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, "WRITE_FAILED");
  EXPECT_THAT(opened.error().message, HasSubstr("file/out"));
}

TEST(FileSink, writes_what_is_left_when_it_closes) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "out";
  const auto sink = sink_to(file);
  ASSERT_TRUE(sink->open());
  ASSERT_TRUE(write(*sink, "a"));

  ASSERT_TRUE(sink->close(1s));

  EXPECT_EQ(read_file(file), "a\n");
}

}  // namespace
}  // namespace millrace::connectors
