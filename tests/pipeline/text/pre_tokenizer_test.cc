#include "pipeline/text/pre_tokenizer.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::pipeline {
namespace {

using Step = PreTokenizer::Step;
using Words = std::vector<std::string>;

Words words(const std::vector<Step>& steps, std::string_view text) {
  Words out;
  PreTokenizer(steps).split(text, [&](std::size_t begin, std::size_t end) {
    out.emplace_back(text.substr(begin, end - begin));
    return true;
  });
  return out;
}

TEST(PreTokenizer, bert_drops_white_space_and_isolates_punctuation) {
  EXPECT_EQ(words({Step::bert}, " don't\u3000stop!! $5\u00BF"),
            (Words{"don", "'", "t", "stop", "!", "!", "$", "5", "\u00BF"}));
}

TEST(PreTokenizer, whitespace_parts_words_from_runs_of_other_signs) {
  EXPECT_EQ(words({Step::whitespace}, "a_b1?! c"), (Words{"a_b1", "?!", "c"}));
}

TEST(PreTokenizer, digits_stay_together_or_stand_alone) {
  EXPECT_EQ(words({Step::whitespace_split, Step::digits}, "ab12 3"), (Words{"ab", "12", "3"}));
  EXPECT_EQ(words({Step::whitespace_split, Step::single_digits}, "ab12"), (Words{"ab", "1", "2"}));
}

TEST(PreTokenizer, without_steps_the_text_is_one_word) {
  EXPECT_EQ(words({}, " a, b "), Words{" a, b "});
  EXPECT_EQ(words({}, ""), Words{});
}

TEST(PreTokenizer, stops_when_it_is_told) {
  int calls = 0;

  PreTokenizer({Step::bert}).split("a b c", [&](std::size_t, std::size_t) { return ++calls < 2; });

  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace millrace::pipeline
