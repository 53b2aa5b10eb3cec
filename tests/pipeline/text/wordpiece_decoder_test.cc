#include "pipeline/text/wordpiece_decoder.h"

#include <vector>

#include <gtest/gtest.h>

namespace millrace::pipeline {
namespace {

std::string joined(const std::vector<std::string_view>& tokens, bool clean_up = true) {
  return WordPieceDecoder("##", clean_up).join(tokens);
}

// What tokenizers 0.22.2 gives for the same tokens.
TEST(WordPieceDecoder, joins_pieces_and_takes_the_space_before_punctuation_away) {
  EXPECT_EQ(joined({}), "");
  EXPECT_EQ(joined({"un", "##return", "##able", "phone", "!"}), "unreturnable phone!");
  EXPECT_EQ(joined({"don", "'", "t"}), "don ' t");
  EXPECT_EQ(joined({"do", "n't", "'s", "we", "'re"}), "don't's we're");
  EXPECT_EQ(joined({"a", ",", "b", "?", "."}), "a, b?.");
}

TEST(WordPieceDecoder, leaves_the_first_piece_and_spaces_as_they_are_without_clean_up) {
  EXPECT_EQ(joined({"##s", "##s", "."}, false), "##ss .");
  EXPECT_EQ(joined({"##s", "####s"}), "##s##s");
}

}  // namespace
}  // namespace millrace::pipeline
