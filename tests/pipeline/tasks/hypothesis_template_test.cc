#include "pipeline/tasks/hypothesis_template.h"

#include <gtest/gtest.h>

namespace millrace::pipeline {
namespace {

std::string filled(std::string_view text, std::string_view label) {
  const auto made = HypothesisTemplate::parse(text);
  return made ? made->fill(label) : made.error().code;
}

TEST(HypothesisTemplate, is_filled_as_python_fills_it) {
  EXPECT_EQ(filled("This example is {}.", "news"), "This example is news.");
  EXPECT_EQ(filled("{}", "{}"), "{}");
  EXPECT_EQ(filled("{0} or {0}", "a"), "a or a");
  EXPECT_EQ(filled("{{{}}} {{}}", "a"), "{a} {}");
  EXPECT_EQ(filled("no place", "a"), "no place");
  EXPECT_EQ(filled("", "a"), "");
}

TEST(HypothesisTemplate, refuses_what_python_refuses_and_what_is_not_for_labels) {
  for (const char* text :
       {"{} {}", "{} {0}", "{1}", "{label}", "{", "}", "a } b", "{:>10}", "{!r}"})
    EXPECT_EQ(filled(text, "a"), "BAD_PARAMETER") << text;
}

}  // namespace
}  // namespace millrace::pipeline
