#include "connectors/contract/lines.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace millrace::connectors {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Feeds a text in pieces of the sizes given, over and over, and returns the lines.
std::vector<std::string> lines_of(std::string_view text,
                                  const std::vector<std::size_t>& sizes = {4096}) {
  LineSplitter splitter;
  std::vector<std::string> lines;
  const auto drain = [&] {
    for (auto line = *splitter.next(); line; line = *splitter.next())
      lines.emplace_back(line->view());
  };
  for (std::size_t turn = 0; !text.empty(); ++turn) {
    const auto room = splitter.room();
    const std::size_t size = std::min({room.size(), text.size(), sizes[turn % sizes.size()]});
    std::memcpy(room.data(), text.data(), size);
    splitter.filled(size);
    text.remove_prefix(size);
    drain();
  }
  splitter.finish();
  drain();
  return lines;
}

/// The same said obviously.
std::vector<std::string> naive_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::string line;
  for (const char c : text) {
    if (c != '\n') {
      line += c;
      continue;
    }
    if (line.ends_with('\r')) line.pop_back();
    lines.push_back(std::exchange(line, {}));
  }
  if (!line.empty()) lines.push_back(line);
  return lines;
}

TEST(Lines, end_with_a_line_feed_or_with_both) {
  EXPECT_THAT(lines_of("a\nb\r\nc\n"), ElementsAre("a", "b", "c"));
}

TEST(Lines, the_last_one_needs_no_end) { EXPECT_THAT(lines_of("a\nb"), ElementsAre("a", "b")); }

TEST(Lines, nothing_holds_no_line) { EXPECT_THAT(lines_of(""), IsEmpty()); }

TEST(Lines, an_empty_line_is_a_line) {
  EXPECT_THAT(lines_of("\n\r\na\n\n"), ElementsAre("", "", "a", ""));
}

TEST(Lines, a_carriage_return_elsewhere_belongs_to_the_line) {
  EXPECT_THAT(lines_of("a\rb\r\r\nc\r"), ElementsAre("a\rb\r", "c\r"));
}

TEST(Lines, a_line_end_may_be_cut_anywhere) {
  EXPECT_THAT(lines_of("ab\r\ncd\r\n", {1}), ElementsAre("ab", "cd"));
  EXPECT_THAT(lines_of("ab\r\ncd\r\n", {3}), ElementsAre("ab", "cd"));
}

TEST(Lines, zero_bytes_are_bytes) {
  EXPECT_THAT(lines_of(std::string_view("a\0b\n", 4)), ElementsAre(std::string("a\0b", 3)));
}

TEST(Lines, are_the_same_in_whatever_pieces_they_come) {
  constexpr unsigned kSeed = 20240517;
  std::mt19937 random(kSeed);
  for (int round = 0; round < 300; ++round) {
    std::string text;
    const std::size_t length = random() % 2000;
    while (text.size() < length) {
      const auto kind = random() % 12;
      text += kind == 0 ? '\n' : kind == 1 ? '\r' : static_cast<char>('a' + random() % 26);
    }
    std::vector<std::size_t> sizes;
    for (int i = 0; i < 7; ++i) sizes.push_back(1 + random() % (round % 2 == 0 ? 5 : 500));

    ASSERT_EQ(lines_of(text, sizes), naive_lines(text)) << "seed " << kSeed << ", round " << round;
  }
}

TEST(Lines, longer_than_a_chunk_are_whole) {
  const std::string one(700'000, 'x');
  const std::string other(300'000, 'y');

  EXPECT_THAT(lines_of(one + "\n" + other + "\nz\n", {100'000}), ElementsAre(one, other, "z"));
}

TEST(Lines, stay_as_they_are_while_others_are_read) {
  LineSplitter splitter;
  const auto feed = [&](std::string_view text) {
    while (!text.empty()) {
      const auto room = splitter.room();
      const std::size_t size = std::min(room.size(), text.size());
      std::memcpy(room.data(), text.data(), size);
      splitter.filled(size);
      text.remove_prefix(size);
    }
  };
  feed("first\n");
  const Bytes first = **splitter.next();

  feed(std::string(600'000, 'x') + "\n");
  const Bytes second = **splitter.next();

  EXPECT_EQ(first.view(), "first");
  EXPECT_EQ(second.size(), 600'000U);
}

TEST(Lines, are_counted_from_zero) {
  LineSplitter splitter;
  std::memcpy(splitter.room().data(), "a\nb\n", 4);
  splitter.filled(4);

  EXPECT_EQ(splitter.line(), 0);
  ASSERT_TRUE(*splitter.next());
  EXPECT_EQ(splitter.line(), 1);
  ASSERT_TRUE(*splitter.next());
  EXPECT_EQ(splitter.line(), 2);
}

struct Length {
  std::string text;
  bool fits;
};

class LineLimit : public testing::TestWithParam<Length> {};

TEST_P(LineLimit, counts_the_line_without_its_end) {
  LineSplitter splitter(4);
  const std::string& text = GetParam().text;
  std::memcpy(splitter.room().data(), text.data(), text.size());
  splitter.filled(text.size());

  const auto line = splitter.next();

  ASSERT_EQ(line.has_value(), GetParam().fits);
  if (!line) {
    EXPECT_EQ(line.error().code, "LINE_TOO_LONG");
    EXPECT_EQ(line.error().kind, Errc::local_io);
    EXPECT_THAT(line.error().message, HasSubstr("line 1 "));
  }
}

INSTANTIATE_TEST_SUITE_P(AroundTheLimit,
                         LineLimit,
                         testing::Values(Length{"abc\n", true},
                                         Length{"abcd\n", true},
                                         Length{"abcd\r\n", true},
                                         Length{"abcde\n", false},
                                         Length{"abcde\r\n", false},
                                         Length{"abcdef", false}));

TEST(Lines, too_long_are_refused_before_their_end_has_come) {
  LineSplitter splitter;
  std::size_t fed = 0;
  auto line = splitter.next();
  while (line && fed <= 2 * config::kMaxRecordValueBytes) {
    const auto room = splitter.room();
    std::memset(room.data(), 'x', room.size());
    splitter.filled(room.size());
    fed += room.size();
    line = splitter.next();
  }

  ASSERT_FALSE(line);
  EXPECT_EQ(line.error().code, "LINE_TOO_LONG");
}

}  // namespace
}  // namespace millrace::connectors
