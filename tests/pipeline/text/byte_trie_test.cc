#include "pipeline/text/byte_trie.h"

#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::pipeline {
namespace {

TEST(ByteTrie, finds_the_longest_key_that_a_text_begins_with) {
  const ByteTrie trie = ByteTrie::build({{"a", 1}, {"abc", 2}, {"b", 3}}).value();

  EXPECT_EQ(trie.longest("abd").value, 1);
  EXPECT_EQ(trie.longest("abd").length, 1U);
  EXPECT_EQ(trie.longest("abcd").value, 2);
  EXPECT_EQ(trie.longest("abcd").length, 3U);
  EXPECT_EQ(trie.longest("xa").length, 0U);
  EXPECT_EQ(trie.longest("").length, 0U);
}

TEST(ByteTrie, goes_on_from_the_node_of_a_prefix) {
  const ByteTrie trie = ByteTrie::build({{"##ab", 7}, {"ab", 8}}).value();

  const ByteTrie::Node inside = trie.walk("##");

  EXPECT_EQ(trie.longest("abc", inside).value, 7);
  EXPECT_EQ(trie.walk("#a"), ByteTrie::kNone);
}

TEST(ByteTrie, an_empty_trie_matches_nothing) {
  EXPECT_EQ(ByteTrie().longest("a").length, 0U);
  EXPECT_EQ(ByteTrie::build({}).value().longest("a").length, 0U);
}

TEST(ByteTrie, knows_exactly_the_keys_it_was_given) {
  std::mt19937 random(3);
  std::map<std::string, std::int32_t> keys;
  for (std::int32_t i = 0; i < 20'000; ++i) {
    std::string key;
    const std::size_t length = 1 + random() % 6;
    for (std::size_t k = 0; k < length; ++k)
      key += static_cast<char>(random() % (i % 2 == 0 ? 256 : 4));
    keys.emplace(key, i);
  }

  const ByteTrie trie = ByteTrie::build({keys.begin(), keys.end()}).value();

  std::size_t wrong = 0;
  for (const auto& [key, value] : keys) {
    wrong += trie.find(key) != value ? 1 : 0;
    const std::string longer = key + "\x01";
    wrong += trie.find(longer).has_value() != keys.contains(longer) ? 1 : 0;
    const std::string shorter = key.substr(0, key.size() - 1);
    wrong += trie.find(shorter).has_value() != keys.contains(shorter) ? 1 : 0;
  }
  EXPECT_EQ(wrong, 0U);
}

}  // namespace
}  // namespace millrace::pipeline
