#include "pipeline/text/regex.h"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

// What patterns of published tokenizers make of texts is compared with the reference in
// golden_test.cc.

namespace millrace::pipeline {
namespace {

using Texts = std::vector<std::string>;

Regex compiled(std::string_view pattern) {
  auto made = Regex::compile(pattern);
  if (auto* problem = std::get_if<PatternProblem>(&made))
    throw std::runtime_error(std::string(pattern) + ": " + problem->found);
  return std::get<Regex>(std::move(made));
}

Texts found(std::string_view pattern, std::string_view text) {
  std::vector<Regex::Match> matches;
  EXPECT_TRUE(compiled(pattern).find_all(text, matches));
  Texts out;
  for (const Regex::Match& match : matches)
    out.emplace_back(text.substr(match.begin, match.end - match.begin));
  return out;
}

std::vector<std::size_t> places(std::string_view pattern, std::string_view text) {
  std::vector<Regex::Match> matches;
  EXPECT_TRUE(compiled(pattern).find_all(text, matches));
  std::vector<std::size_t> out;
  for (const Regex::Match& match : matches) out.push_back(match.begin);
  return out;
}

TEST(Regex, knows_classes_of_all_of_unicode) {
  EXPECT_EQ(found(R"(\p{L}+)", "é東x1\u0301"), (Texts{"é東x"}));
  EXPECT_EQ(found(R"(\p{Han}+|\p{Lu})", "a中B国"), (Texts{"中", "B", "国"}));
  EXPECT_EQ(found(R"(\P{L}|\p{^Latin})", "aя1"), (Texts{"я", "1"}));
  EXPECT_EQ(found(R"([^\s\p{L}]+)", "a\u3000!? b"), (Texts{"!?"}));
  EXPECT_EQ(found(R"(\h+)", "xAf09g"), (Texts{"Af09"}));
}

TEST(Regex, brackets_nest_and_cross_as_in_oniguruma) {
  EXPECT_EQ(found("[a-w&&[^c-g]z]+", "abcdhxz"), (Texts{"ab", "h"}));
  EXPECT_EQ(found("[a[bc]-]+", "a-cd"), (Texts{"a-c"}));
  EXPECT_EQ(found("[[:alpha:][:^alnum:]]+", "é!2"), (Texts{"é!"}));
  EXPECT_EQ(found(R"([\]\-\\]+)", "a]-\\b"), (Texts{"]-\\"}));
}

TEST(Regex, anchors_are_those_of_lines) {
  EXPECT_EQ(places("^", "a\nb\n"), (std::vector<std::size_t>{0, 2}));
  EXPECT_EQ(places("$", "a\nb\n"), (std::vector<std::size_t>{1, 3, 4}));
  EXPECT_EQ(places(R"(\A|\z)", "a\nb\n"), (std::vector<std::size_t>{0, 4}));
  EXPECT_EQ(places(R"(\b)", "é b"), (std::vector<std::size_t>{0, 2, 3, 4}));
  EXPECT_EQ(found("a.", "a\nab"), (Texts{"ab"}));
  EXPECT_EQ(found("(?m)a.", "a\nab"), (Texts{"a\n", "ab"}));
}

TEST(Regex, case_is_ignored_where_it_says_so) {
  EXPECT_EQ(found("(?i:'s|k)", "'S's'\u017F\u212Ak"),
            (Texts{"'S", "'s", "'\u017F", "\u212A", "k"}));
  EXPECT_EQ(found("(?i)a[^b]", "ABAc"), (Texts{"Ac"}));
  EXPECT_EQ(found("(?i:a)b", "AbAB"), (Texts{"Ab"}));
  EXPECT_EQ(found("(?i)(?-i:a)b", "aBAB"), (Texts{"aB"}));
}

TEST(Regex, an_empty_match_does_not_follow_a_match) {
  EXPECT_EQ(places("b*", "abba"), (std::vector<std::size_t>{0, 1, 4}));
  EXPECT_EQ(places("(?=b)", "ébb"), (std::vector<std::size_t>{2, 3}));
  EXPECT_TRUE(compiled("b*|c").may_be_empty());
  EXPECT_FALSE(compiled("b+|c").may_be_empty());
}

TEST(Regex, quantifiers_take_as_much_as_in_oniguruma) {
  EXPECT_EQ(found("a{,2}b", "aaab"), (Texts{"aab"}));
  EXPECT_EQ(found("a{1,2}?", "aa"), (Texts{"a", "a"}));
  EXPECT_EQ(found("a++b|a", "aac"), (Texts{"a", "a"}));
  EXPECT_EQ(found("(?<word>a|b){2}", "abba"), (Texts{"ab", "ba"}));
}

TEST(Regex, what_would_mean_something_else_is_refused_by_name) {
  struct Case {
    std::string_view pattern;
    std::string_view found;
  };

  for (const Case& c : {
           Case{R"((a)\1)", R"(\1)"},
           Case{R"(\k<a>)", R"(\k)"},
           Case{R"(\g<0>)", R"(\g)"},
           Case{R"(\G|\K)", R"(\G)"},
           Case{R"(\R)", R"(\R)"},
           Case{R"(\X)", R"(\X)"},
           Case{R"(\Qa\E)", R"(\Q)"},
           Case{R"(\xE9)", R"(\x of a byte)"},
           Case{R"(\pL)", R"(\p without {name})"},
           Case{R"(\p{Klingon})", R"(\p{Klingon})"},
           Case{"(?~a)", "(?~a)"},
           Case{"(?s:a)", "(?s:"},
           Case{"(?x) a", "(?x)"},
           Case{"a(?i)b", "(?i)"},
           Case{"(?(1)a)", "(?(1)"},
           Case{"(*FAIL)", "(*...)"},
           Case{"a{2}?", "{n}?"},
           Case{"a{1,2}+", "{n,m}+"},
           Case{"a{", "a { that begins no {n,m}"},
           Case{"a{2,1}", "a { that begins no {n,m}"},
           Case{"a{70000}", "more than 65535 repeats"},
           Case{"a+*", "a quantifier after a quantifier"},
           Case{"(?<=a+)b", "a look-behind of varying length"},
           Case{"(?i:é)", "characters beyond ASCII under (?i)"},
           Case{"(?i:ss)", "letters under (?i)"},
           Case{"(?i:off)", "letters under (?i)"},
           Case{"(?i:[a[b]])", "[ inside of [...] under (?i)"},
           Case{"[]a]", "[]"},
           Case{R"([\w-z])", "a - after a class"},
           Case{R"([a-\w])", "a - before a class"},
           Case{"[[:punct:]]", "[:punct:]"},
       }) {
    const auto made = Regex::compile(c.pattern);
    ASSERT_TRUE(std::holds_alternative<PatternProblem>(made)) << c.pattern;
    const PatternProblem& problem = std::get<PatternProblem>(made);
    EXPECT_TRUE(problem.unsupported) << c.pattern;
    EXPECT_NE(problem.found.find(c.found), std::string::npos) << c.pattern << ": " << problem.found;
  }
}

TEST(Regex, a_broken_pattern_is_refused) {
  std::string deep(100, '(');
  deep += 'a' + std::string(100, ')');
  for (const std::string& pattern : {std::string("(a"),
                                     std::string("a)"),
                                     std::string("[a"),
                                     std::string("[z-a]"),
                                     std::string("*a"),
                                     std::string("a|+"),
                                     std::string("^*"),
                                     std::string("(?=a)+"),
                                     std::string("\\"),
                                     std::string("[\\"),
                                     std::string(R"(\x{110000})"),
                                     std::string(R"(\ud800)"),
                                     std::string("(?<a"),
                                     std::string("(?#"),
                                     deep,
                                     std::string(70'000, 'a')}) {
    const auto made = Regex::compile(pattern);
    ASSERT_TRUE(std::holds_alternative<PatternProblem>(made)) << pattern.substr(0, 20);
    EXPECT_FALSE(std::get<PatternProblem>(made).unsupported) << pattern.substr(0, 20);
  }
}

TEST(Regex, more_characters_than_there_are_kinds_are_refused) {
  std::string pattern;
  for (int c = 0; c < 300; ++c) pattern += "\\x{" + std::to_string(1000 + c) + "}";

  const auto made = Regex::compile(pattern);

  ASSERT_TRUE(std::holds_alternative<PatternProblem>(made));
  EXPECT_TRUE(std::get<PatternProblem>(made).unsupported);
}

TEST(Regex, a_pattern_that_goes_back_without_end_is_stopped) {
  const Regex regex = compiled("(a+)+$");
  std::vector<Regex::Match> matches;

  EXPECT_TRUE(regex.find_all("aaaa", matches));
  EXPECT_FALSE(regex.find_all(std::string(64, 'a') + "!", matches));
}

TEST(Regex, a_megabyte_takes_no_time) {
  const Regex regex = compiled(R"([^\r\n\p{L}\p{N}]?\p{L}+|\s*[\r\n]+|\s+(?!\S)|\s+)");
  std::vector<Regex::Match> matches;

  EXPECT_TRUE(regex.find_all(std::string(1 << 20, 'a'), matches));
  EXPECT_EQ(matches.size(), 1U);
  EXPECT_TRUE(regex.find_all(std::string(40'000, ' ') + "x", matches));
  EXPECT_EQ(matches.size(), 2U);
}

}  // namespace
}  // namespace millrace::pipeline
