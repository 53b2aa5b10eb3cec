#include "pipeline/tasks/tokenization.h"

#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

// Values are compared with transformers in the goldens of the runtime; here is what a user can get
// wrong, and what a record looks like.

namespace millrace::pipeline {
namespace {

using testing::HasSubstr;

/// Every letter is a token of its own: [CLS] is 1, [SEP] is 2, a is 3.
constexpr std::string_view kTokenizer = R"({
  "added_tokens": [
    {"id": 1, "content": "[CLS]", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
    {"id": 2, "content": "[SEP]", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
  "normalizer": null, "pre_tokenizer": {"type": "BertPreTokenizer"},
  "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]}, "decoder": null,
  "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
    "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "b": 4, "c": 5, "[PAD]": 6}}})";
constexpr std::string_view kWithPad = R"({"pad_token": "[PAD]"})";

MadeTask made_from(const std::string& parameters, std::string_view config = kWithPad) {
  auto tokenizer = Tokenizer::parse(kTokenizer, config);
  EXPECT_TRUE(tokenizer) << tokenizer.error().text();
  TaskRequest request;
  request.tokenizer = *std::move(tokenizer);
  request.parameters = std::make_shared<const Json>(Json::parse(parameters));
  return tokenization().make(request);
}

Result<Json> answer(const std::string& input, const std::string& parameters) {
  const MadeTask made = made_from(parameters);
  if (!made.errors.empty()) return made.errors.front();
  const auto prepared = made.task->prepare(Json::parse(input));
  if (!prepared) return prepared.error();
  EXPECT_TRUE(prepared->items.empty());
  return made.task->finish(*prepared, {});
}

std::string complaint(const std::string& parameters, std::string_view config = kWithPad) {
  const MadeTask made = made_from(parameters, config);
  EXPECT_EQ(made.task, nullptr);
  return made.errors.empty() ? std::string() : made.errors.front().text();
}

TEST(Tokenization, shows_every_column_in_a_fixed_order) {
  const auto result = answer(R"("a é")", R"({"return_decoded": true, "return_length": true})");

  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(result->dump(),
            R"({"input_ids":[1,3,0,2],"attention_mask":[1,1,1,1],"token_type_ids":[0,0,0,0],)"
            R"("special_tokens_mask":[1,0,0,1],"offset_mapping":[[0,0],[0,1],[2,3],[0,0]],)"
            R"("word_ids":[null,0,1,null],"tokens":["[CLS]","a","[UNK]","[SEP]"],)"
            R"("decoded":"[CLS] a [UNK] [SEP]","length":[4]})");
}

TEST(Tokenization, texts_of_one_record_are_filled_up_to_the_longest) {
  const auto result =
      answer(R"(["a", "a b c"])",
             R"({"padding": true, "padding_side": "left", "return_offsets_mapping": false})");

  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ((*result)[0]["input_ids"].dump(), "[6,6,1,3,2]");
  EXPECT_EQ((*result)[0]["attention_mask"].dump(), "[0,0,1,1,1]");
  EXPECT_EQ((*result)[0]["special_tokens_mask"].dump(), "[1,1,1,0,1]");
  EXPECT_FALSE((*result)[0].contains("offset_mapping"));
  EXPECT_EQ((*result)[1]["attention_mask"].dump(), "[1,1,1,1,1]");
}

TEST(Tokenization, with_overflow_every_value_is_a_list_of_windows) {
  const auto result = answer(
      R"("a b c")", R"({"truncation": true, "max_length": 4, "return_overflowing_tokens": true})");

  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ((*result)["input_ids"].dump(), "[[1,3,4,2],[1,5,2]]");
  EXPECT_EQ((*result)["overflow_to_sample_mapping"].dump(), "[0,0]");
}

TEST(Tokenization, cuts_only_when_asked_and_says_so) {
  const MadeTask cutting = made_from(R"({"truncation": true, "max_length": 4})");
  const MadeTask whole = made_from("{}");
  ASSERT_TRUE(cutting.task && whole.task);

  EXPECT_TRUE(cutting.task->prepare(Json("a b c"))->truncated);
  EXPECT_FALSE(whole.task->prepare(Json("a b c"))->truncated);
}

TEST(Tokenization, refuses_what_cannot_be_done) {
  EXPECT_THAT(complaint(R"({"return_offset_mapping": true})"),
              HasSubstr("did you mean 'return_offsets_mapping'"));
  EXPECT_THAT(complaint(R"({"padding": true})", ""), HasSubstr("no pad_token"));
  EXPECT_THAT(complaint(R"({"padding": "left"})"), HasSubstr("longest"));
  EXPECT_THAT(complaint(R"({"truncation": true, "max_length": 4, "stride": 3})"),
              HasSubstr("stride"));
  EXPECT_THAT(
      complaint(
          R"({"truncation": true, "max_length": 7, "padding": true, "pad_to_multiple_of": 2})"),
      HasSubstr("pad_to_multiple_of"));
  EXPECT_THAT(complaint(R"({"return_tensors": "pt"})"), HasSubstr("results are JSON"));
  EXPECT_THAT(complaint(R"({"max_length": 0})"), HasSubstr("max_length"));
}

TEST(Tokenization, refuses_an_input_that_is_no_text) {
  for (const char* input : {"7", "null", R"({"txt": "a"})", R"(["a", 1])", R"({"text": 7})"}) {
    const auto result = answer(input, "{}");
    ASSERT_FALSE(result) << input;
    EXPECT_EQ(result.error().code, "BAD_INPUT") << input;
  }
  const auto text_for_words = answer(R"("a b")", R"({"is_split_into_words": true})");
  ASSERT_FALSE(text_for_words);
  EXPECT_EQ(text_for_words.error().code, "BAD_INPUT");
}

TEST(Tokenization, reads_a_pair_that_is_cut_into_words) {
  const auto result = answer(R"({"text": ["a", "bc"], "text_pair": ["c", "a b"]})",
                             R"({"is_split_into_words": true, "return_attention_mask": false})");

  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(result->dump(),
            R"({"input_ids":[1,3,0,2,5,3,4,2],"token_type_ids":[0,0,0,0,1,1,1,1],)"
            R"("special_tokens_mask":[1,0,0,1,0,0,0,1],)"
            R"("offset_mapping":[[0,0],[0,1],[0,2],[0,0],[0,1],[0,1],[2,3],[0,0]],)"
            R"("word_ids":[null,0,1,null,0,1,1,null],)"
            R"("tokens":["[CLS]","a","[UNK]","[SEP]","c","a","b","[SEP]"]})");
}

TEST(Tokenization, a_list_of_words_is_one_text_and_a_list_of_texts_is_a_list) {
  const auto ids = [](const std::string& input) {
    const auto result = answer(
        input,
        R"({"is_split_into_words": true, "return_attention_mask": false, "return_tokens": false,)"
        R"("return_token_type_ids": false, "return_special_tokens_mask": false,)"
        R"("return_offsets_mapping": false, "return_word_ids": false})");
    return result ? result->dump() : result.error().text();
  };

  EXPECT_EQ(ids(R"(["a", "b"])"), R"({"input_ids":[1,3,4,2]})");
  EXPECT_EQ(ids("[]"), R"({"input_ids":[1,2]})");
  EXPECT_EQ(ids(R"({"text": ["a"], "text_pair": []})"), R"({"input_ids":[1,3,2]})");
  EXPECT_EQ(ids(R"({"text": ["a"], "text_pair": null})"), R"({"input_ids":[1,3,2]})");
  EXPECT_EQ(ids(R"({"text": [], "text_pair": ["b"]})"), R"({"input_ids":[1,2,4,2]})");
  EXPECT_EQ(ids(R"([["a"], {"text": ["b"], "text_pair": ["c"]}, []])"),
            R"([{"input_ids":[1,3,2]},{"input_ids":[1,4,2,5,2]},{"input_ids":[1,2]}])");
}

TEST(Tokenization, refuses_words_that_are_none) {
  for (const char* input : {R"("a b")",
                            "7",
                            R"(["a", ["b"]])",
                            R"([["a"], "b"])",
                            R"([["a", 1]])",
                            R"({"text": "a", "text_pair": ["b"]})",
                            R"({"text": ["a"], "text_pair": "b"})",
                            R"({"text": ["a"], "text_pair": [["b"]]})",
                            R"({"text_pair": ["b"]})",
                            R"({"text": ["a"], "words": ["b"]})"}) {
    const auto result = answer(input, R"({"is_split_into_words": true})");
    ASSERT_FALSE(result) << input;
    EXPECT_EQ(result.error().code, "BAD_INPUT") << input;
    EXPECT_THAT(result.error().message, HasSubstr("expected")) << input;
  }
  EXPECT_FALSE(answer(R"({"text": ["a"], "text_pair": ["b"]})", "{}"));
}

TEST(Tokenization, refuses_words_for_a_class_that_needs_a_space_before_them) {
  constexpr std::string_view kWords = R"({"is_split_into_words": true})";
  constexpr std::string_view kRoberta = R"({"tokenizer_class": "RobertaTokenizer"})";

  EXPECT_THAT(complaint(std::string(kWords), kRoberta), HasSubstr("add_prefix_space"));
  EXPECT_EQ(made_from("{}", kRoberta).errors.size(), 0U);
  EXPECT_EQ(made_from(std::string(kWords),
                      R"({"tokenizer_class": "RobertaTokenizer", "add_prefix_space": true})")
                .errors.size(),
            0U);
}

}  // namespace
}  // namespace millrace::pipeline
