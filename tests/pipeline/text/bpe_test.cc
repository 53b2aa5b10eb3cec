#include "pipeline/text/bpe.h"

#include "pipeline/text/byte_level_splitter.h"

#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

// What whole tokenizers of the family make of texts is compared with the reference in
// golden_test.cc.

namespace millrace::pipeline {
namespace {

std::array<std::int32_t, 256> each_byte() {
  std::array<std::int32_t, 256> ids{};
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(i);
  return ids;
}

std::vector<std::int32_t> ids_of(const Bpe& bpe, std::string_view word) {
  std::vector<BpePiece> pieces;
  bpe.cut(word, pieces);
  std::vector<std::int32_t> ids;
  for (const BpePiece& piece : pieces) ids.push_back(piece.id);
  return ids;
}

TEST(Bpe, joins_the_lowest_rank_first_and_of_equal_ones_the_leftmost) {
  const Bpe bpe(each_byte(), {{'b', 'c', 300}, {'a', 'b', 301}, {300, 'd', 302}}, {});

  EXPECT_EQ(ids_of(bpe, "abcd"), (std::vector<std::int32_t>{'a', 302}));
  EXPECT_EQ(ids_of(bpe, "abab"), (std::vector<std::int32_t>{301, 301}));
  EXPECT_EQ(ids_of(bpe, "a"), (std::vector<std::int32_t>{'a'}));

  const Bpe twice(each_byte(), {{'a', 'a', 300}}, {});
  EXPECT_EQ(ids_of(twice, "aaa"), (std::vector<std::int32_t>{300, 'a'}));
}

/// Joins by searching the whole word for the lowest rank, over and over.
std::vector<std::int32_t> joined_plainly(const std::vector<Bpe::Merge>& merges,
                                         std::string_view word) {
  std::vector<std::int32_t> ids;
  for (const char byte : word) ids.push_back(static_cast<unsigned char>(byte));
  for (bool found = true; found;) {
    found = false;
    for (const Bpe::Merge& merge : merges) {
      for (std::size_t i = 0; i + 1 < ids.size() && !found; ++i) {
        found = ids[i] == merge.left && ids[i + 1] == merge.right;
        if (!found) continue;
        ids[i] = merge.joined;
        ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      }
      if (found) break;
    }
  }
  return ids;
}

TEST(Bpe, words_of_every_length_are_joined_as_by_searching_for_the_lowest_rank) {
  std::mt19937 random(1);
  for (int round = 0; round < 20; ++round) {
    std::vector<Bpe::Merge> merges;
    std::set<std::pair<std::int32_t, std::int32_t>> seen;
    std::vector<std::int32_t> symbols = {'a', 'b', 'c', 'd'};
    for (std::int32_t joined = 300; joined < 340; ++joined) {
      const std::int32_t left = symbols[random() % symbols.size()];
      const std::int32_t right = symbols[random() % symbols.size()];
      if (!seen.emplace(left, right).second) continue;
      merges.push_back({left, right, joined});
      symbols.push_back(joined);
    }
    const Bpe bpe(each_byte(), merges, {});
    for (std::size_t length = 1; length < 120; ++length) {
      std::string word;
      for (std::size_t i = 0; i < length; ++i) word += static_cast<char>('a' + random() % 4);
      ASSERT_EQ(ids_of(bpe, word), joined_plainly(merges, word)) << word;
    }
  }
}

TEST(Bpe, a_word_that_is_known_whole_is_not_cut) {
  const Bpe bpe(each_byte(), {{'a', 'b', 300}}, {{"abc", 400}});

  EXPECT_EQ(ids_of(bpe, "abc"), (std::vector<std::int32_t>{400}));
  EXPECT_EQ(ids_of(bpe, "abcd"), (std::vector<std::int32_t>{300, 'c', 'd'}));
}

/// A word that a quadratic way would not finish.
TEST(Bpe, takes_a_word_of_a_megabyte) {
  std::vector<Bpe::Merge> merges;
  std::int32_t last = 'a';
  for (std::int32_t id = 300; id < 310; ++id) {
    merges.push_back({last, last, id});
    last = id;
  }
  const Bpe bpe(each_byte(), merges, {});
  std::vector<BpePiece> pieces;

  bpe.cut(std::string(1 << 20, 'a'), pieces);

  EXPECT_EQ(pieces.size(), 1U << 10);
  EXPECT_EQ(pieces.back().end, 1U << 20);
}

std::vector<std::string> words_of(std::string_view text) {
  static const ByteLevelSplitter splitter;
  std::vector<std::string> words;
  splitter.split(text, [&](std::size_t begin, std::size_t end) {
    words.emplace_back(text.substr(begin, end - begin));
    return true;
  });
  return words;
}

TEST(ByteLevelSplitter, cuts_as_the_pattern_of_gpt2) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(words_of("don't we've"), (Words{"don", "'t", " we", "'ve"}));
  EXPECT_EQ(words_of("a  b   "), (Words{"a", " ", " b", "   "}));
  EXPECT_EQ(words_of("x12 3!? ."), (Words{"x", "12", " 3", "!?", " ."}));
  EXPECT_EQ(words_of(" \n\n x"), (Words{" \n\n", " x"}));
  EXPECT_EQ(words_of("é東\u00a0x"), (Words{"é東", "\u00a0", "x"}));
  EXPECT_EQ(words_of(""), Words{});
}

}  // namespace
}  // namespace millrace::pipeline
