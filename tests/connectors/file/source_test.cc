#include "connectors/file/source.h"

#include "config/base/limits.h"
#include "connectors/file/compress.h"
#include "tests/support/worker_process.h"

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace millrace::connectors {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using tests::TemporaryFolder;
using tests::write_file;

std::string packed(Packing packing, std::string_view text) {
  std::string out;
  Packer::make(packing)->pack(text, out);
  return out;
}

std::unique_ptr<Source> source_of(std::vector<std::string> paths) {
  return make_file_source(FileSourceOptions{std::move(paths)});
}

/// What a source gives until it is exhausted or fails.
struct ReadOut {
  std::vector<std::string> values;
  std::vector<std::string> origins;
  std::vector<std::string> assigned;
  bool exhausted = false;
  std::optional<Error> error;
};

ReadOut read_out(Source& source, std::size_t max_records = 100) {
  ReadOut out;
  for (int i = 0; i < 100'000 && !out.exhausted; ++i) {
    auto polled = source.poll(0ms, max_records);
    if (!polled) {
      out.error = polled.error();
      return out;
    }
    EXPECT_LE(polled->records.size(), max_records);
    for (const SourceEvent& event : polled->events)
      out.assigned.emplace_back(std::get<Assigned>(event).topic);
    for (const Record& record : polled->records) {
      out.values.emplace_back(record.value.view());
      out.origins.push_back(to_text(record.origin));
    }
    out.exhausted = polled->exhausted;
  }
  return out;
}

ReadOut read_paths(std::vector<std::string> paths) {
  const auto source = source_of(std::move(paths));
  const auto opened = source->open();
  if (!opened) {
    ReadOut out;
    out.error = opened.error();
    return out;
  }
  return read_out(*source);
}

TEST(FileSource, makes_a_record_of_each_line_with_its_number) {
  const TemporaryFolder folder;
  const std::string file = folder.path() / "in.jsonl";
  write_file(file, "a\nb\n\nc");

  const ReadOut out = read_paths({file});

  EXPECT_TRUE(out.exhausted);
  EXPECT_THAT(out.values, ElementsAre("a", "b", "", "c"));
  EXPECT_THAT(out.origins,
              ElementsAre(file + "[0]@0", file + "[0]@1", file + "[0]@2", file + "[0]@3"));
}

TEST(FileSource, reads_a_folder_in_the_order_of_names_without_hidden_files) {
  const TemporaryFolder folder;
  write_file(folder.path() / "b", "2\n");
  write_file(folder.path() / "a", "1\n");
  write_file(folder.path() / ".hidden", "no\n");
  std::filesystem::create_directory(folder.path() / "deeper");
  write_file(folder.path() / "deeper" / "x", "no\n");

  EXPECT_THAT(read_paths({folder.path()}).values, ElementsAre("1", "2"));
}

TEST(FileSource, reads_what_fits_a_pattern) {
  const TemporaryFolder folder;
  write_file(folder.path() / "2024-02.jsonl", "2\n");
  write_file(folder.path() / "2024-01.jsonl", "1\n");
  write_file(folder.path() / "2023-12.jsonl", "no\n");

  EXPECT_THAT(read_paths({folder.path() / "2024-*.jsonl"}).values, ElementsAre("1", "2"));
}

TEST(FileSource, a_file_of_that_very_name_comes_before_a_pattern) {
  const TemporaryFolder folder;
  write_file(folder.path() / "a[1].jsonl", "literal\n");
  write_file(folder.path() / "a1.jsonl", "pattern\n");

  EXPECT_THAT(read_paths({folder.path() / "a[1].jsonl"}).values, ElementsAre("literal"));
}

TEST(FileSource, reads_a_list_in_the_order_written) {
  const TemporaryFolder folder;
  write_file(folder.path() / "a", "1\n");
  write_file(folder.path() / "b", "2\n");

  EXPECT_THAT(read_paths({folder.path() / "b", folder.path() / "a"}).values, ElementsAre("2", "1"));
}

TEST(FileSource, says_which_path_leads_to_no_file) {
  const TemporaryFolder folder;
  const std::vector<std::string> paths = {folder.path() / "absent.jsonl",
                                          folder.path() / "absent/*.jsonl",
                                          folder.path() / "*.jsonl",
                                          folder.path(),
                                          folder.path() / "*/a.jsonl"};
  for (const std::string& path : paths) {
    const ReadOut out = read_paths({path});
    ASSERT_TRUE(out.error) << path;
    EXPECT_EQ(out.error->code, "NO_FILE");
    EXPECT_EQ(out.error->kind, Errc::not_found);
    EXPECT_THAT(out.error->message, HasSubstr(folder.path().string()));
  }
}

TEST(FileSource, an_empty_file_is_a_partition_without_records) {
  const TemporaryFolder folder;
  write_file(folder.path() / "a", "");

  const ReadOut out = read_paths({folder.path()});

  EXPECT_TRUE(out.exhausted);
  EXPECT_THAT(out.values, IsEmpty());
  EXPECT_EQ(out.assigned.size(), 1U);
}

TEST(FileSource, is_told_by_the_content_how_a_file_is_packed) {
  const TemporaryFolder folder;
  write_file(folder.path() / "1.jsonl", packed(Packing::gzip, "gzip\n"));
  write_file(folder.path() / "2.gz", packed(Packing::zstd, "zstd\n"));
  write_file(folder.path() / "3.zst", "plain\n");

  EXPECT_THAT(read_paths({folder.path()}).values, ElementsAre("gzip", "zstd", "plain"));
}

class PackedSource : public testing::TestWithParam<Packing> {};

TEST_P(PackedSource, reads_members_one_after_the_other_as_one_file) {
  const TemporaryFolder folder;
  write_file(
      folder.path() / "a",
      packed(GetParam(), "one\ntw") + packed(GetParam(), "") + packed(GetParam(), "o\nthree"));

  const ReadOut out = read_paths({folder.path()});

  EXPECT_TRUE(out.exhausted);
  EXPECT_THAT(out.values, ElementsAre("one", "two", "three"));
}

TEST_P(PackedSource, gives_the_lines_before_the_cut_and_then_says_where_it_is) {
  const TemporaryFolder folder;
  const std::string whole = packed(GetParam(), "one\ntwo\n") + packed(GetParam(), "three\nfour\n");
  write_file(folder.path() / "a", whole.substr(0, whole.size() - 5));

  const ReadOut out = read_paths({folder.path()});

  ASSERT_TRUE(out.error);
  EXPECT_EQ(out.error->code, "BAD_ARCHIVE");
  EXPECT_EQ(out.error->kind, Errc::local_io);
  EXPECT_THAT(out.error->message, HasSubstr((folder.path() / "a").string()));
  EXPECT_THAT(out.error->message, HasSubstr("cut off"));
  ASSERT_GE(out.values.size(), 2U);
  EXPECT_EQ(out.values[0], "one");
  EXPECT_EQ(out.values[1], "two");
}

TEST_P(PackedSource, never_mistakes_a_cut_archive_for_a_whole_one) {
  const std::string text = "first line\nsecond line\nthird line\n";
  const std::string whole = packed(GetParam(), text);
  // Fewer bytes than the mark of the format cannot be told from text.
  for (std::size_t size = 4; size < whole.size(); ++size) {
    const TemporaryFolder folder;
    write_file(folder.path() / "a", whole.substr(0, size));

    const ReadOut out = read_paths({folder.path()});

    ASSERT_TRUE(out.error) << size;
    EXPECT_EQ(out.error->code, "BAD_ARCHIVE") << size;
    EXPECT_FALSE(out.exhausted);
  }
}

TEST_P(PackedSource, refuses_what_follows_an_archive_and_is_none) {
  const TemporaryFolder folder;
  write_file(folder.path() / "a", packed(GetParam(), "one\n") + "two\n and more text");

  const ReadOut out = read_paths({folder.path()});

  ASSERT_TRUE(out.error);
  EXPECT_EQ(out.error->code, "BAD_ARCHIVE");
  EXPECT_THAT(out.values, ElementsAre("one"));
}

TEST_P(PackedSource, reads_much_text_from_few_bytes) {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += fmt::format("line {}\n", i % 10);
  write_file(folder.path() / "a", packed(GetParam(), text));

  const ReadOut out = read_paths({folder.path()});

  EXPECT_TRUE(out.exhausted);
  ASSERT_EQ(out.values.size(), 200'000U);
  EXPECT_EQ(out.values.back(), "line 9");
}

TEST_P(PackedSource, zeros_without_end_stop_at_the_limit_of_a_line) {
  const TemporaryFolder folder;
  write_file(folder.path() / "a", packed(GetParam(), "one\n" + std::string(64U << 20U, '\0')));

  const ReadOut out = read_paths({folder.path()});

  ASSERT_TRUE(out.error);
  EXPECT_EQ(out.error->code, "LINE_TOO_LONG");
  EXPECT_THAT(out.values, ElementsAre("one"));
}

INSTANTIATE_TEST_SUITE_P(EachPacking,
                         PackedSource,
                         testing::Values(Packing::gzip, Packing::zstd),
                         [](const auto& instance) {
                           return instance.param == Packing::gzip ? "gzip" : "zstd";
                         });

TEST(FileSource, gives_the_lines_of_the_files_before_one_that_cannot_be_read) {
  const TemporaryFolder folder;
  write_file(folder.path() / "a", "1\n2\n");
  write_file(folder.path() / "b", "3\n");
  const auto source = source_of({folder.path()});
  ASSERT_TRUE(source->open());
  std::filesystem::remove(folder.path() / "b");

  const ReadOut out = read_out(*source);

  EXPECT_THAT(out.values, ElementsAre("1", "2"));
  ASSERT_TRUE(out.error);
  EXPECT_EQ(out.error->code, "NO_FILE");
}

TEST(FileSource, a_line_that_is_too_long_names_file_and_line_and_ends_it) {
  const TemporaryFolder folder;
  const std::string file = folder.path() / "a";
  write_file(file, "ok\n" + std::string(config::kMaxRecordValueBytes + 1, 'x') + "\n");

  const ReadOut out = read_paths({file});

  EXPECT_THAT(out.values, ElementsAre("ok"));
  ASSERT_TRUE(out.error);
  EXPECT_EQ(out.error->code, "LINE_TOO_LONG");
  EXPECT_THAT(out.error->message, HasSubstr(file + ": line 2 "));
}

TEST(FileSource, the_longest_line_that_is_let_through_is_let_through) {
  const TemporaryFolder folder;
  write_file(folder.path() / "a", std::string(config::kMaxRecordValueBytes, 'x') + "\nok\n");

  const ReadOut out = read_paths({folder.path()});

  EXPECT_TRUE(out.exhausted);
  ASSERT_EQ(out.values.size(), 2U);
  EXPECT_EQ(out.values[0].size(), config::kMaxRecordValueBytes);
}

struct Change {
  std::string name;
  std::string before;
  std::string after;
};

void PrintTo(const Change& change, std::ostream* out) { *out << change.name; }

class ChangedArchive : public testing::TestWithParam<Change> {};

TEST_P(ChangedArchive, breaks_the_promise) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "a";
  write_file(file, GetParam().before);
  const auto source = source_of({file});
  ASSERT_TRUE(source->open());
  ASSERT_TRUE(source->poll(0ms, 1));
  write_file(file, GetParam().after);
  std::filesystem::last_write_time(file, std::filesystem::file_time_type::clock::now() + 1h);

  const ReadOut out = read_out(*source);

  ASSERT_TRUE(out.error);
  EXPECT_EQ(out.error->code, "ARCHIVE_CHANGED");
  EXPECT_EQ(out.error->kind, Errc::guarantee_broken);
  EXPECT_THAT(out.error->message, HasSubstr(file.string()));
}

INSTANTIATE_TEST_SUITE_P(EachChange,
                         ChangedArchive,
                         testing::Values(Change{"shorter", "1\n2\n3\n", "1\n"},
                                         Change{"longer", "1\n2\n", "1\n2\n3\n"},
                                         Change{"other_text", "1\n2\n", "1\n3\n"}),
                         [](const auto& instance) { return instance.param.name; });

TEST(FileSource, tells_how_many_bytes_of_all_were_read) {
  const TemporaryFolder folder;
  const std::string one = packed(Packing::gzip, "1\n2\n");
  write_file(folder.path() / "a", one);
  write_file(folder.path() / "b", "3\n4\n");
  const auto source = source_of({folder.path()});
  ASSERT_TRUE(source->open());
  EXPECT_EQ(source->progress().bytes_read, 0U);
  EXPECT_EQ(source->progress().bytes_total, one.size() + 4);

  ASSERT_TRUE(source->poll(0ms, 3));

  const SourceProgress halfway = source->progress();
  ASSERT_EQ(halfway.partitions.size(), 2U);
  EXPECT_EQ(halfway.partitions[0].position, 2);
  EXPECT_EQ(halfway.partitions[0].end, 2);
  EXPECT_EQ(halfway.partitions[1].position, 1);
  EXPECT_EQ(halfway.partitions[1].end, -1);

  read_out(*source);

  EXPECT_EQ(source->progress().bytes_read, one.size() + 4);
}

TEST(FileSource, records_outlive_the_reading_of_their_file) {
  const TemporaryFolder folder;
  write_file(folder.path() / "a", "first\n");
  write_file(folder.path() / "b", std::string(1'000'000, 'x') + "\n");
  const auto source = source_of({folder.path()});
  ASSERT_TRUE(source->open());
  const auto polled = source->poll(0ms, 1);
  ASSERT_TRUE(polled);

  read_out(*source);

  EXPECT_EQ(polled->records.at(0).value.view(), "first");
  EXPECT_EQ(polled->records.at(0).origin.topic, (folder.path() / "a").string());
}

}  // namespace
}  // namespace millrace::connectors
