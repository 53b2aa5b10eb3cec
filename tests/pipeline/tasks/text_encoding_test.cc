#include "pipeline/tasks/text_encoding.h"

#include <cstdlib>
#include <string>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace millrace::pipeline {
namespace {

/// Every letter is a token of its own: [CLS] is 1, [SEP] is 2, a is 3.
constexpr std::string_view kTokenizer = R"({
  "added_tokens": [
    {"id": 1, "content": "[CLS]", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
    {"id": 2, "content": "[SEP]", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
  "normalizer": null, "pre_tokenizer": {"type": "BertPreTokenizer"},
  "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]}, "decoder": null,
  "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
    "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "b": 4, "c": 5, "d": 6, "e": 7, "f": 8}}})";

struct Made {
  std::vector<Error> errors;
  std::unique_ptr<TextEncoding> encoding;
};

Made made_from(const Json& parameters, TextRules rules, std::string_view config = "") {
  Made made;
  auto tokenizer = Tokenizer::parse(kTokenizer, config);
  EXPECT_TRUE(tokenizer) << tokenizer.error().text();
  ParameterReader reader(parameters, tokenizer_parameters(), "parameters", made.errors);
  made.encoding = std::make_unique<TextEncoding>(*std::move(tokenizer), rules, reader);
  return made;
}

std::vector<std::int32_t> ids_of(const Json& parameters,
                                 const TextInput& input,
                                 TextRules rules = {}) {
  const Made made = made_from(parameters, rules);
  EXPECT_TRUE(made.errors.empty()) << made.errors[0].text();
  auto encoded = made.encoding->encode(input);
  EXPECT_TRUE(encoded) << encoded.error().text();
  return encoded->item.ids;
}

using Ids = std::vector<std::int32_t>;

TEST(TextEncoding, nothing_is_cut_that_the_model_takes) {
  const Made made = made_from(Json::object(), {.max_positions = 5});

  const auto encoded = made.encoding->encode({"a b c", std::nullopt});

  ASSERT_TRUE(encoded);
  EXPECT_EQ(encoded->item.ids, (Ids{1, 3, 4, 5, 2}));
  EXPECT_EQ(encoded->item.type_ids.size(), 5U);
  EXPECT_FALSE(encoded->cut);
}

TEST(TextEncoding, what_the_model_cannot_index_is_cut_and_said) {
  const Made made = made_from(Json::object(), {.max_positions = 4});

  const auto encoded = made.encoding->encode({"a b c", std::nullopt});

  ASSERT_TRUE(encoded);
  EXPECT_EQ(encoded->item.ids, (Ids{1, 3, 4, 2}));
  EXPECT_TRUE(encoded->cut);
  EXPECT_TRUE(encoded->cut_by_default);
}

TEST(TextEncoding, what_the_model_cannot_index_is_refused_when_told_so) {
  const Made by_stage = made_from(Json::object(), {.max_positions = 4, .refuse_long = true});
  const Made by_call = made_from({{"truncation", false}}, {.max_positions = 4});
  const Made by_word = made_from({{"truncation", "do_not_truncate"}}, {.max_positions = 4});

  for (const Made* made : {&by_stage, &by_call, &by_word}) {
    const auto encoded = made->encoding->encode({"a b c", std::nullopt});
    ASSERT_FALSE(encoded);
    EXPECT_EQ(encoded.error().code, "TOO_LONG");
    EXPECT_THAT(encoded.error().message, testing::HasSubstr("5 tokens, the model takes 4"));
    EXPECT_THAT(encoded.error().message, testing::HasSubstr("truncation: true"));
  }
}

/// In RoBERTa padding takes no position; f is the padding here.
TEST(TextEncoding, tokens_without_a_position_are_not_counted) {
  const TextRules rules{.max_positions = 4, .unplaced = Unplaced{.id = 8, .max_tokens = 7}};
  const auto encoded = [&](std::string_view text) {
    return *made_from(Json::object(), rules).encoding->encode({text, std::nullopt});
  };

  EXPECT_EQ(encoded("f a b f f").item.ids, (Ids{1, 8, 3, 4, 8, 8, 2}));
  EXPECT_FALSE(encoded("f a b f f").cut);
  // Three letters that count; then a token in all that is one too many.
  EXPECT_EQ(encoded("f a b c").item.ids, (Ids{1, 8, 3, 2}));
  EXPECT_TRUE(encoded("f a b c").cut_by_default);
  EXPECT_EQ(encoded("f a b f f f").item.ids, (Ids{1, 8, 3, 2}));
  EXPECT_TRUE(encoded("f a b f f f").cut_by_default);
}

TEST(TextEncoding, a_length_that_was_asked_for_counts_every_token) {
  const TextRules rules{.max_positions = 4, .unplaced = Unplaced{.id = 8, .max_tokens = 7}};

  EXPECT_EQ(ids_of({{"max_length", 5}}, {"f a b f f", std::nullopt}, rules), (Ids{1, 8, 3, 4, 2}));
}

TEST(TextEncoding, a_cut_that_was_asked_for_is_no_default) {
  const Made made = made_from({{"truncation", true}, {"max_length", 4}}, {.max_positions = 40});

  const auto encoded = made.encoding->encode({"a b c", std::nullopt});

  ASSERT_TRUE(encoded);
  EXPECT_EQ(encoded->item.ids, (Ids{1, 3, 4, 2}));
  EXPECT_TRUE(encoded->cut);
  EXPECT_FALSE(encoded->cut_by_default);
}

TEST(TextEncoding, a_length_alone_cuts_and_with_false_it_does_not) {
  EXPECT_EQ(ids_of({{"max_length", 3}}, {"a b", std::nullopt}), (Ids{1, 3, 2}));
  EXPECT_EQ(ids_of({{"max_length", 3}, {"truncation", false}}, {"a b", std::nullopt}),
            (Ids{1, 3, 4, 2}));
}

// Beside padding a length is one to pad to, as in transformers.
TEST(TextEncoding, a_length_beside_padding_does_not_cut) {
  for (const Json& padding : {Json(true), Json("max_length"), Json("do_not_pad")}) {
    EXPECT_EQ(ids_of({{"max_length", 3}, {"padding", padding}}, {"a b", std::nullopt}),
              (Ids{1, 3, 4, 2}));
  }
  EXPECT_EQ(ids_of({{"max_length", 3}, {"padding", false}}, {"a b", std::nullopt}), (Ids{1, 3, 2}));
}

TEST(TextEncoding, without_a_length_the_limit_of_the_tokenizer_counts) {
  const Made made = made_from({{"truncation", true}}, {}, R"({"model_max_length": 4})");

  EXPECT_EQ(made.encoding->encode({"a b c", std::nullopt})->item.ids, (Ids{1, 3, 4, 2}));
}

TEST(TextEncoding, strategies_choose_the_text_that_is_cut) {
  const TextInput pair{"a b c", "d e f"};
  const auto cut = [&](const char* strategy) {
    return ids_of({{"truncation", strategy}, {"max_length", 7}}, pair);
  };

  EXPECT_EQ(cut("only_first"), (Ids{1, 3, 2, 6, 7, 8, 2}));
  EXPECT_EQ(cut("only_second"), (Ids{1, 3, 4, 5, 2, 6, 2}));
  EXPECT_EQ(cut("longest_first"), (Ids{1, 3, 4, 2, 6, 7, 2}));
}

TEST(TextEncoding, the_second_text_is_missed_where_it_is_to_be_cut) {
  const Made made = made_from({{"truncation", "only_second"}, {"max_length", 3}}, {});

  const auto encoded = made.encoding->encode({"a b c", std::nullopt});

  ASSERT_FALSE(encoded);
  EXPECT_EQ(encoded.error().code, "BAD_TRUNCATION");
}

TEST(TextEncoding, a_length_below_the_special_tokens_is_refused_at_once) {
  const Made made = made_from({{"max_length", 1}}, {});

  ASSERT_EQ(made.errors.size(), 1U);
  EXPECT_THAT(made.errors[0].message,
              testing::HasSubstr("parameters.max_length: expected at least 2"));
  EXPECT_EQ(ids_of({{"max_length", 2}}, {"a b", std::nullopt}), (Ids{1, 2}));
  EXPECT_EQ(ids_of({{"max_length", 1}, {"add_special_tokens", false}}, {"a b", std::nullopt}),
            (Ids{3}));
}

TEST(TextEncoding, the_side_of_the_tokenizer_is_cut) {
  const Made made = made_from({{"max_length", 3}}, {}, R"({"truncation_side": "left"})");

  EXPECT_EQ(made.encoding->encode({"a b c", std::nullopt})->item.ids, (Ids{1, 5, 2}));
}

TEST(TextEncoding, a_text_without_tokens_is_refused) {
  const Made made = made_from({{"add_special_tokens", false}}, {});

  const auto encoded = made.encoding->encode({"", std::nullopt});

  ASSERT_FALSE(encoded);
  EXPECT_EQ(encoded.error().code, "BAD_INPUT");
}

TEST(TextEncoding, token_types_are_left_out_where_nobody_reads_them) {
  const auto types = [](const Json& parameters, TextRules rules, std::string_view config) {
    const Made made = made_from(parameters, rules, config);
    return made.encoding->encode({"a", "b"})->item.type_ids;
  };

  EXPECT_EQ(types(Json::object(), {}, ""), (Ids{0, 0, 0, 1, 1}));
  EXPECT_TRUE(types({{"return_token_type_ids", false}}, {}, "").empty());
  EXPECT_TRUE(types(Json::object(), {.knows_types = false}, "").empty());
}

TEST(TextEncoding, special_tokens_in_a_text_can_be_plain_text) {
  const TextInput injected{"a [SEP] b", std::nullopt};

  EXPECT_EQ(ids_of(Json::object(), injected), (Ids{1, 3, 2, 4, 2}));
  EXPECT_GT(ids_of(Json::object(), injected, {.plain_specials = true}).size(), 5U);
}

TEST(TextEncoding, padding_is_accepted_and_pads_nothing) {
  for (const Json& padding : {Json(true), Json("max_length"), Json("longest"), Json(nullptr)}) {
    EXPECT_EQ(ids_of({{"padding", padding}, {"max_length", 9}}, {"a", std::nullopt}),
              (Ids{1, 3, 2}));
  }
  EXPECT_EQ(made_from({{"padding", "always"}}, {}).errors.size(), 1U);
}

}  // namespace
}  // namespace millrace::pipeline
