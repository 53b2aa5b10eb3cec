#include "pipeline/text/added_tokens.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::pipeline {
namespace {

/// Stretches as "id:text", plain ones without id.
std::vector<std::string> found(const std::vector<AddedToken>& tokens, std::string_view text) {
  std::vector<std::pair<std::string, std::int32_t>> patterns;
  std::map<std::int32_t, AddedToken> by_id;
  for (const AddedToken& token : tokens) {
    const auto id = static_cast<std::int32_t>(by_id.size());
    patterns.emplace_back(token.content, id);
    by_id[id] = token;
  }
  std::vector<Stretch> stretches;
  AddedTokenFinder::build(patterns, by_id).value().split(text, stretches);
  std::vector<std::string> out;
  for (const Stretch& stretch : stretches) {
    const std::string piece(text.substr(stretch.begin, stretch.end - stretch.begin));
    out.push_back(stretch.id < 0 ? piece : std::to_string(stretch.id) + ":" + piece);
  }
  return out;
}

using Found = std::vector<std::string>;

TEST(AddedTokens, the_leftmost_and_then_the_longest_wins) {
  EXPECT_EQ(found({{.content = "ab"}, {.content = "abc"}, {.content = "bcd"}}, "xabcd"),
            (Found{"x", "1:abc", "d"}));
}

TEST(AddedTokens, white_space_beside_a_token_goes_with_it_when_it_says_so) {
  const AddedToken token{.content = "<m>", .lstrip = true, .rstrip = true};

  EXPECT_EQ(found({token}, "a \u3000<m>\t b"), (Found{"a", "0: \u3000<m>\t ", "b"}));
  EXPECT_EQ(found({token}, "<m>  <m>"), (Found{"0:<m>  ", "0:<m>"}));
}

TEST(AddedTokens, a_single_word_has_no_word_beside_it) {
  EXPECT_EQ(found({{.content = "and", .single_word = true}}, "band and \u00E9and and!"),
            (Found{"band ", "0:and", " \u00E9and ", "0:and", "!"}));
}

TEST(AddedTokens, an_empty_text_has_no_stretch) {
  EXPECT_EQ(found({{.content = "a"}}, ""), Found{});
}

TEST(AddedVocabulary, new_tokens_get_the_ids_after_the_model) {
  const auto model_id = [](std::string_view token) {
    return token == "old" ? std::optional(3) : std::nullopt;
  };
  AddedVocabulary added(model_id, 10);

  for (const char* content : {"old", "new", "newer", "new", ""}) added.add({.content = content});

  EXPECT_EQ(added.id_of("old"), 3);
  EXPECT_EQ(added.id_of("new"), 10);
  EXPECT_EQ(added.id_of("newer"), 11);
  EXPECT_EQ(added.id_of("unknown"), std::nullopt);
  EXPECT_EQ(added.by_id().size(), 3U);
}

}  // namespace
}  // namespace millrace::pipeline
