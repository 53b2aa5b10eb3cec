#include "pipeline/text/code_point_set.h"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace millrace::pipeline {
namespace {

std::string shown(const CodePointSet& set) {
  std::string text;
  for (const unicode::Range& range : set.ranges())
    text += fmt::format("{:x}-{:x} ",
                        static_cast<std::uint32_t>(range.first),
                        static_cast<std::uint32_t>(range.last));
  return text;
}

TEST(CodePointSet, ranges_that_touch_become_one) {
  EXPECT_EQ(shown(CodePointSet({{7, 9}, {1, 2}, {3, 4}, {8, 12}})), "1-4 7-c ");
}

TEST(CodePointSet, the_opposite_of_the_opposite_is_the_same) {
  const CodePointSet set({{0, 3}, {10, kLastCodePoint}});

  EXPECT_EQ(shown(set.complement()), "4-9 ");
  EXPECT_EQ(shown(set.complement().complement()), shown(set));
  EXPECT_TRUE(CodePointSet::all().complement().empty());
  EXPECT_EQ(shown(CodePointSet().complement()), "0-10ffff ");
}

TEST(CodePointSet, unites_and_intersects) {
  const CodePointSet a({{1, 5}, {9, 9}});
  const CodePointSet b({{4, 9}});

  EXPECT_EQ(shown(a.united(b)), "1-9 ");
  EXPECT_EQ(shown(a.intersected(b)), "4-5 9-9 ");
}

TEST(CodePointSet, knows_its_members) {
  const CodePointSet set({{3, 5}});

  EXPECT_FALSE(set.contains(2));
  EXPECT_TRUE(set.contains(3));
  EXPECT_TRUE(set.contains(5));
  EXPECT_FALSE(set.contains(6));
}

}  // namespace
}  // namespace millrace::pipeline
