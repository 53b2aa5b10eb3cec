#include "pipeline/tasks/parameters.h"

#include <array>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace millrace::pipeline {
namespace {

using testing::HasSubstr;

constexpr std::array kKnown = {Parameter{"top_k", "integer or null", "How many."},
                               Parameter{"normalize", "true or false", "Length one."},
                               Parameter{"pooling", "none, mean", "One vector."}};
constexpr std::array kInner = {Parameter{"max_length", "integer", "The length."}};
constexpr std::array<std::string_view, 2> kPoolings = {"none", "mean"};

TEST(Parameters, an_unknown_name_is_refused_with_the_closest_one) {
  const Json given = {{"topk", 1}};
  std::vector<Error> errors;

  const ParameterReader reader(given, kKnown, "parameters", errors);

  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].code, "UNKNOWN_PARAMETER");
  EXPECT_THAT(errors[0].message, HasSubstr("did you mean 'top_k'"));
}

TEST(Parameters, a_name_that_is_known_elsewhere_is_sent_there) {
  const Json given = {{"max_length", 1}};
  std::vector<Error> errors;

  const ParameterReader reader(
      given, kKnown, "parameters", errors, {.names = kInner, .place = "parameters.inner"});

  ASSERT_EQ(errors.size(), 1U);
  EXPECT_THAT(errors[0].message, HasSubstr("give it in parameters.inner"));
}

TEST(Parameters, every_problem_is_kept) {
  const Json given = {{"wrong", 1}, {"top_k", 1.5}, {"normalize", "yes"}, {"pooling", "max"}};
  std::vector<Error> errors;
  ParameterReader reader(given, kKnown, "parameters", errors);

  EXPECT_FALSE(reader.integer("top_k", 0, 9));
  EXPECT_FALSE(reader.flag("normalize"));
  EXPECT_FALSE(reader.choice("pooling", kPoolings));

  ASSERT_EQ(errors.size(), 4U);
  EXPECT_EQ(errors[1].message,
            "parameters.top_k: expected an integer of 0 to 9, found the number 1.5");
  EXPECT_EQ(errors[2].message,
            "parameters.normalize: expected true or false, found the text \"yes\"");
  EXPECT_EQ(errors[3].message, "parameters.pooling: expected none or mean, found the text \"max\"");
}

TEST(Parameters, null_counts_as_not_given) {
  const Json given = {{"top_k", nullptr}, {"normalize", nullptr}, {"pooling", nullptr}};
  std::vector<Error> errors;
  ParameterReader reader(given, kKnown, "parameters", errors);

  EXPECT_FALSE(reader.integer("top_k", 0, 9));
  EXPECT_FALSE(reader.flag("normalize"));
  EXPECT_FALSE(reader.choice("pooling", kPoolings));

  EXPECT_TRUE(errors.empty());
  EXPECT_NE(reader.find("top_k"), nullptr);
}

TEST(Parameters, the_case_of_a_choice_does_not_count) {
  const Json given = {{"pooling", "Mean"}};
  std::vector<Error> errors;
  ParameterReader reader(given, kKnown, "parameters", errors);

  EXPECT_EQ(reader.choice("pooling", kPoolings), "mean");
}

TEST(Parameters, an_integer_beyond_64_bits_is_refused) {
  const Json given = {{"top_k", 18446744073709551615U}};
  std::vector<Error> errors;
  ParameterReader reader(given, kKnown, "parameters", errors);

  EXPECT_FALSE(reader.integer("top_k", INT64_MIN, INT64_MAX));

  EXPECT_EQ(errors.size(), 1U);
}

TEST(Parameters, anything_but_an_object_is_one_complaint) {
  const Json given = {1, 2};
  std::vector<Error> errors;
  ParameterReader reader(given, kKnown, "parameters", errors);

  EXPECT_FALSE(reader.flag("normalize"));

  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].message, "parameters: expected an object, found a list");
}

TEST(Parameters, a_long_value_is_shown_in_part_and_on_one_line) {
  const std::string shown = found(Json(std::string(10'000, 'x') + "\n"));

  EXPECT_LT(shown.size(), 150U);
  EXPECT_EQ(shown.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace millrace::pipeline
