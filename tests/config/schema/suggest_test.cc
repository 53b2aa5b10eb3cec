#include "config/schema/suggest.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::config {
namespace {

TEST(Suggest, counts_edits) {
  EXPECT_EQ(edit_distance("", ""), 0U);
  EXPECT_EQ(edit_distance("abc", ""), 3U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("topcis", "topics"), 1U);  // a swap is one edit
  EXPECT_EQ(edit_distance("ab", "ba"), 1U);
}

TEST(Suggest, names_what_was_meant) {
  const std::vector<std::string> names = {"topics", "topic", "group", "cluster"};

  EXPECT_EQ(suggestion("topcis", names), "did you mean 'topics'?");
  EXPECT_EQ(suggestion("tpic", names), "did you mean 'topic'?");
  EXPECT_EQ(suggestion("zebra", names), "expected one of topics, topic, group or cluster");
  EXPECT_EQ(suggestion("x", std::vector<std::string>{}), "");
  EXPECT_EQ(suggestion(std::string(100000, 'x'), names),
            "expected one of topics, topic, group or cluster");
}

}  // namespace
}  // namespace millrace::config
