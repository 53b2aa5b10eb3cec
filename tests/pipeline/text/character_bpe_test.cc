#include "pipeline/text/character_bpe.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

// What whole tokenizers make of texts is compared with the reference in golden_test.cc.

namespace millrace::pipeline {
namespace {

using Pieces = std::vector<std::pair<std::int32_t, std::size_t>>;

Pieces cut(const CharacterBpe& model, std::string_view word) {
  std::vector<BpePiece> found;
  EXPECT_TRUE(model.cut(word, found));
  Pieces pieces;
  for (const BpePiece& piece : found) pieces.emplace_back(piece.id, piece.end);
  return pieces;
}

TEST(CharacterBpe, marks_what_is_inside_and_what_ends_a_word) {
  const CharacterBpe model({{"a", 0}, {"a</w>", 1}, {"##b", 2}, {"##b</w>", 3}, {"ab</w>", 4}},
                           {{0, 3, 4}},
                           {.prefix = "##", .suffix = "</w>", .unknown_token = std::nullopt});

  EXPECT_EQ(cut(model, "a"), (Pieces{{1, 1}}));
  EXPECT_EQ(cut(model, "ab"), (Pieces{{4, 2}}));
  EXPECT_EQ(cut(model, "abb"), (Pieces{{0, 1}, {2, 2}, {3, 3}}));
}

TEST(CharacterBpe, unknown_characters_are_one_or_many_or_left_out) {
  const CharacterBpe::Vocabulary vocabulary = {{"<unk>", 0}, {"a", 1}};
  const CharacterBpe many(vocabulary, {}, {.prefix = "", .suffix = "", .unknown_token = "<unk>"});
  const CharacterBpe one(
      vocabulary,
      {},
      {.prefix = "", .suffix = "", .unknown_token = "<unk>", .fuses_unknown = true});
  const CharacterBpe none(vocabulary, {}, {.prefix = "", .suffix = "", .unknown_token = {}});

  EXPECT_EQ(cut(many, "éza"), (Pieces{{0, 2}, {0, 3}, {1, 4}}));
  EXPECT_EQ(cut(one, "éza"), (Pieces{{0, 3}, {1, 4}}));
  EXPECT_EQ(cut(none, "éza"), (Pieces{{1, 1}}));
}

TEST(CharacterBpe, bytes_stand_for_a_character_when_all_of_them_are_there) {
  const CharacterBpe model(
      {{"<unk>", 0}, {"<0xC3>", 1}, {"<0xA9>", 2}, {"a", 3}},
      {},
      {.prefix = "", .suffix = "", .unknown_token = "<unk>", .falls_back_to_bytes = true});

  EXPECT_EQ(cut(model, "éa"), (Pieces{{1, 1}, {2, 2}, {3, 3}}));
  EXPECT_EQ(cut(model, "\u00E8"), (Pieces{{0, 2}}));
  // The reference lets an unknown character wait while bytes go ahead.
  EXPECT_EQ(cut(model, "zéa"), (Pieces{{1, 1}, {2, 2}, {0, 3}, {3, 4}}));
}

TEST(CharacterBpe, says_when_the_unknown_token_is_missing) {
  const CharacterBpe model({{"a", 0}}, {}, {.prefix = "", .suffix = "", .unknown_token = "<unk>"});
  std::vector<BpePiece> pieces;

  EXPECT_TRUE(model.cut("aa", pieces));
  EXPECT_FALSE(model.cut("az", pieces));
}

TEST(CharacterBpe, takes_a_word_of_a_megabyte) {
  std::vector<BpeMerges::Merge> merges;
  CharacterBpe::Vocabulary vocabulary = {{"a", 0}};
  std::string token = "a";
  for (std::int32_t id = 1; id <= 10; ++id) {
    merges.push_back({id - 1, id - 1, id});
    token += token;
    vocabulary[token] = id;
  }
  const CharacterBpe model(
      vocabulary, merges, {.prefix = "", .suffix = "", .unknown_token = std::nullopt});

  EXPECT_EQ(cut(model, std::string(1 << 20, 'a')).size(), 1U << 10);
}

}  // namespace
}  // namespace millrace::pipeline
