#include "pipeline/text/tokenizer.h"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::pipeline {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kGeneric = R"({"tokenizer_class": "PreTrainedTokenizerFast"})";

std::string tiny(const std::string& name) {
  const char* folder = std::getenv("MILLRACE_SOURCE_DIR");
  return (folder != nullptr ? std::string(folder) : std::string(".")) + "/tests/golden/" + name;
}

std::unique_ptr<Tokenizer> load(const std::string& folder) {
  auto tokenizer = Tokenizer::load(folder);
  EXPECT_TRUE(tokenizer) << tokenizer.error().text();
  return *std::move(tokenizer);
}

constexpr std::string_view kNormalizer = R"({
  "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true})";
constexpr std::string_view kModel = R"({
  "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
  "vocab": {"[UNK]": 0, "a": 1, "##b": 2, "c": 3}})";

/// A tokenizer.json with one part replaced.
std::string json_with(const std::string& part, std::string_view value) {
  std::map<std::string, std::string_view> parts = {
      {"truncation", "null"},
      {"padding", "null"},
      {"added_tokens", "[]"},
      {"normalizer", kNormalizer},
      {"pre_tokenizer", R"({"type": "BertPreTokenizer"})"},
      {"post_processor", "null"},
      {"decoder", "null"},
      {"model", kModel}};
  parts[part] = value;
  std::string out = R"({"version": "1.0")";
  for (const auto& [name, text] : parts) out += ", \"" + name + "\": " + std::string(text);
  return out + "}";
}

std::string whole_json() { return json_with("decoder", "null"); }

std::unique_ptr<Tokenizer> small() { return Tokenizer::parse(whole_json(), kGeneric).value(); }

/// A folder of its own under the test's temporary folder, gone with the object.
class Folder {
 public:
  explicit Folder(const std::string& name)
      : path_(fs::path(testing::TempDir()) / ("millrace_text_" + name)) {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }

  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  ~Folder() { fs::remove_all(path_); }

  void copy(const std::string& from, const std::string& file) const {
    fs::copy_file(from + "/" + file, path_ / file);
  }

  void write(const std::string& file, std::string_view text) const {
    std::ofstream(path_ / file, std::ios::binary) << text;
  }

  std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

TEST(WordPiece, turns_a_word_with_one_unknown_piece_into_unk) {
  const auto tokenizer = small();

  EXPECT_EQ(tokenizer->encode("ab abx c").value().ids, (std::vector<std::int32_t>{1, 2, 0, 3}));
}

TEST(WordPiece, takes_words_of_the_longest_length_and_not_one_more) {
  const auto tokenizer = small();
  const auto ids = [&](std::size_t letters) {
    return tokenizer->encode("a" + std::string(letters - 1, 'b')).value().ids;
  };

  EXPECT_EQ(ids(100).size(), 100U);
  EXPECT_EQ(ids(101), std::vector<std::int32_t>{0});
}

TEST(Tokenizer, gives_offsets_in_code_points) {
  const auto encoding = small()->encode("\u00E9\U0001F600 \u00C1b", {.want_offsets = true}).value();

  EXPECT_EQ(encoding.ids, (std::vector<std::int32_t>{0, 1, 2}));
  EXPECT_EQ(encoding.offsets, (std::vector<Offset>{{0, 2}, {3, 4}, {4, 5}}));
  EXPECT_EQ(encoding.words, (std::vector<std::int32_t>{0, 1, 1}));
}

TEST(Tokenizer, reads_the_settings_beside_tokenizer_json) {
  const auto bert = load(tiny("tiny_bert"));
  const auto distilbert = load(tiny("tiny_distilbert"));

  EXPECT_EQ(bert->model_max_length(), 40U);
  EXPECT_EQ(bert->pad_id(), 0);
  EXPECT_EQ(bert->unk_id(), 1);
  EXPECT_EQ(bert->cls_id(), 2);
  EXPECT_EQ(bert->sep_id(), 3);
  EXPECT_EQ(bert->mask_id(), 4);
  EXPECT_EQ(bert->vocab_size(), 205U);
  EXPECT_EQ(bert->id_to_token(4), "[MASK]");
  EXPECT_EQ(bert->id_to_token(-1), "");
  EXPECT_EQ(bert->id_to_token(100'000), "");
  EXPECT_EQ(bert->token_to_id("[SEP]"), 3);
  EXPECT_EQ(bert->token_to_id("no such token"), std::nullopt);
  EXPECT_EQ(bert->special_tokens(false), 2U);
  EXPECT_EQ(bert->special_tokens(true), 3U);
  EXPECT_TRUE(bert->wants_type_ids());
  EXPECT_FALSE(distilbert->wants_type_ids());
}

TEST(Tokenizer, a_huge_model_max_length_is_no_limit) {
  const auto length = [](std::string_view config) {
    return Tokenizer::parse(whole_json(), config).value()->model_max_length();
  };
  constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

  EXPECT_EQ(length(R"({"model_max_length": 1000000000000000019884624838656})"), kNoLimit);
  EXPECT_EQ(length(R"({"model_max_length": 1e30})"), kNoLimit);
  EXPECT_EQ(length("{}"), kNoLimit);
  EXPECT_EQ(length(R"({"model_max_length": 512})"), 512U);
}

TEST(Tokenizer, sides_come_from_the_settings_and_then_from_the_stored_state) {
  const std::string stored = json_with("truncation", R"({"direction": "Left"})");
  const auto side = [&](std::string_view config) {
    return Tokenizer::parse(stored, config).value()->truncation_side();
  };

  EXPECT_EQ(side("{}"), Truncation::Side::left);
  EXPECT_EQ(side(R"({"truncation_side": "right"})"), Truncation::Side::right);
}

TEST(Tokenizer, a_class_of_the_bert_family_overrides_the_normalizer) {
  const auto ids = [](std::string_view config) {
    return Tokenizer::parse(whole_json(), config).value()->encode("A a \u00E1").value().ids;
  };

  EXPECT_EQ(ids(kGeneric), (std::vector<std::int32_t>{1, 1, 1}));
  EXPECT_EQ(ids(R"({"tokenizer_class": "BertTokenizer", "do_lower_case": false})"),
            (std::vector<std::int32_t>{0, 1, 0}));
  EXPECT_EQ(ids(R"({"tokenizer_class": "DistilBertTokenizerFast", "strip_accents": false})"),
            (std::vector<std::int32_t>{1, 1, 0}));
}

/// What transformers 4.57 gives for the folder with these settings. The template of its
/// tokenizer.json names de_DE.
TEST(Tokenizer, a_class_of_mbart_puts_the_language_of_the_settings_beside_a_text) {
  struct Case {
    const char* settings;
    std::vector<std::int32_t> text;
    std::vector<std::int32_t> pair;
  };

  const std::vector<Case> cases = {
      {R"({"tokenizer_class": "MBartTokenizerFast", "src_lang": "ro_RO"})",
       {5, 14, 15, 59, 48, 2, 148},
       {5, 14, 15, 59, 105, 7, 2, 148}},
      {R"({"tokenizer_class": "MBartTokenizer", "src_lang": null})",
       {5, 14, 15, 59, 48, 2, 132},
       {5, 14, 15, 59, 105, 7, 2, 132}},
      {"{}", {5, 14, 15, 59, 48, 2, 132}, {5, 14, 15, 59, 105, 7, 2, 132}},  // by config.json
      {R"({"tokenizer_class": "MBart50TokenizerFast", "src_lang": "de_DE"})",
       {131, 5, 14, 15, 59, 48, 2},
       {131, 5, 14, 15, 59, 105, 7, 2}},
  };
  const std::string from = tiny("tiny_mbart_nli");
  for (const Case& one : cases) {
    const Folder folder("mbart");
    folder.copy(from, "tokenizer.json");
    folder.copy(from, "config.json");
    folder.write("tokenizer_config.json", one.settings);

    const auto tokenizer = load(folder.path());

    EXPECT_EQ(tokenizer->encode("good phone").value().ids, one.text) << one.settings;
    EXPECT_EQ(tokenizer->encode_pair("good", "bad").value().ids, one.pair) << one.settings;
  }
}

TEST(Tokenizer, a_language_that_the_vocabulary_lacks_is_refused) {
  const std::string from = tiny("tiny_mbart_nli");
  const Folder folder("mbart_lacks");
  folder.copy(from, "tokenizer.json");
  folder.write("tokenizer_config.json",
               R"({"tokenizer_class": "MBartTokenizer", "src_lang": "tlh_XX"})");

  const auto tokenizer = Tokenizer::load(folder.path());

  ASSERT_FALSE(tokenizer);
  EXPECT_EQ(tokenizer.error().code, "BAD_TOKENIZER");
  EXPECT_NE(tokenizer.error().message.find("lacks tlh_XX"), std::string::npos);
}

TEST(Tokenizer, a_folder_with_vocab_txt_alone_gives_the_same_tokenizer) {
  const Folder folder("vocab_only");
  folder.copy(tiny("tiny_bert"), "vocab.txt");
  folder.copy(tiny("tiny_bert"), "config.json");
  const auto full = load(tiny("tiny_bert"));

  const auto bare = load(folder.path());

  EXPECT_EQ(bare->vocab_size(), full->vocab_size());
  for (const std::string_view text : {"Hello, w\u00F6rld! [MASK] \u4E2D", "", "the [SEP] cat"}) {
    EXPECT_EQ(bare->encode(text).value().ids, full->encode(text).value().ids);
    EXPECT_EQ(bare->encode_pair(text, "b c").value().type_ids,
              full->encode_pair(text, "b c").value().type_ids);
  }
}

TEST(Tokenizer, tokens_of_texts_are_joined_to_what_a_pair_gives) {
  const auto tokenizer = small();
  const EncodeOptions cutting = {.truncation = Truncation{.max_length = 5}, .want_offsets = true};
  const auto first = tokenizer->tokens_of("a b c", cutting);
  const auto second = tokenizer->tokens_of("b", cutting);
  ASSERT_TRUE(first && second);

  for (const std::string text : {"a b c", "b"}) {
    const auto joined = tokenizer->join(**first, text == "b" ? **second : **first, cutting);
    const auto whole = tokenizer->encode_pair("a b c", text, cutting);
    ASSERT_TRUE(joined && whole);
    EXPECT_EQ(joined->ids, whole->ids);
    EXPECT_EQ(joined->offsets, whole->offsets);
    EXPECT_EQ(joined->words, whole->words);
    EXPECT_EQ(joined->truncated, whole->truncated);
  }
  EXPECT_EQ(tokenizer->tokens_of("\xC3").error().code, "BAD_UTF8");
}

TEST(Tokenizer, special_tokens_of_the_settings_are_found_in_the_text) {
  const auto tokenizer =
      Tokenizer::parse(
          whole_json(),
          R"({"additional_special_tokens": ["<user>"], "mask_token": {"content": "<m>", "lstrip": true}})")
          .value();

  const auto encoding = tokenizer->encode("a <m><user>c", {.want_offsets = true}).value();

  EXPECT_EQ(tokenizer->mask_id(), 4);
  EXPECT_EQ(encoding.ids, (std::vector<std::int32_t>{1, 4, 5, 3}));
  EXPECT_EQ(encoding.offsets[1], (Offset{1, 5}));
}

TEST(Tokenizer, an_unknown_part_is_refused_with_its_place_and_what_would_do) {
  struct Case {
    std::string_view part;
    std::string_view value;
    std::string_view expected;
  };

  for (
      const Case& c : {
          Case{"normalizer",
               R"({"type": "Sparkle"})",
               "tokenizer.json /normalizer/type: found Sparkle; supported: BertNormalizer"},
          Case{"normalizer",
               R"({"type": "Replace", "pattern": {"Regex": "a*"}, "content": "b"})",
               "/normalizer/pattern/Regex: found a pattern that may match nothing"},
          Case{"normalizer",
               R"({"type": "BertNormalizer", "fold": true})",
               "/normalizer/fold: found an unknown key"},
          Case{"pre_tokenizer",
               R"({"type": "Sequence", "pretokenizers": [{"type": "Scissors"}]})",
               "/pre_tokenizer/pretokenizers/0/type: found Scissors"},
          Case{
              "pre_tokenizer",
              R"({"type": "Split", "pattern": {"Regex": "(a)\\1"}, "behavior": "Isolated", "invert": false})",
              R"(/pre_tokenizer/pattern/Regex: found \1)"},
          Case{"pre_tokenizer",
               R"({"type": "Split", "pattern": {"String": "a"}, "behavior": "Isolated", "by": 1})",
               "/pre_tokenizer/by: found an unknown key"},
          Case{"model",
               R"({"type": "Morse"})",
               "/model/type: found Morse; supported: WordPiece, BPE, Unigram, WordLevel"},
          Case{"model",
               R"({"type": "BPE", "dropout": 0.1, "vocab": {"a": 0}, "merges": []})",
               "/model/dropout: found 0.1; supported: 0, null"},
          Case{
              "model",
              R"({"type": "BPE", "byte_fallback": true, "end_of_word_suffix": "_", "vocab": {"a": 0}, "merges": []})",
              "/model/byte_fallback: found true"},
          Case{"post_processor", R"({"type": "Postman"})", "/post_processor/type: found Postman"},
          Case{
              "post_processor",
              R"({"type": "Sequence", "processors": [{"type": "BertProcessing", "sep": ["a", 1], "cls": ["c", 3]}, {"type": "ByteLevel"}]})",
              "/post_processor/processors/0/type: found BertProcessing; supported: ByteLevel"},
          Case{
              "post_processor",
              R"({"type": "Sequence", "processors": [{"type": "ByteLevel"}, {"type": "ByteLevel"}]})",
              "/post_processor/processors/1/trim_offsets: found true once more"},
          Case{"added_tokens",
               R"([{"id": 9, "content": "x", "color": 1}])",
               "/added_tokens/0/color: found an unknown key"},
      }) {
    const auto refused = Tokenizer::parse(json_with(std::string(c.part), c.value), kGeneric);
    ASSERT_FALSE(refused) << c.value;
    EXPECT_EQ(refused.error().code, "UNSUPPORTED_TOKENIZER");
    EXPECT_EQ(refused.error().kind, Errc::unsupported);
    EXPECT_NE(refused.error().message.find(c.expected), std::string::npos)
        << refused.error().message;
  }
}

TEST(Tokenizer, a_damaged_file_is_refused_with_its_place) {
  struct Case {
    std::string_view part;
    std::string_view value;
    std::string_view expected;
  };

  for (
      const Case& c : {
          Case{"model", "7", "/model: expected an object, found number"},
          Case{
              "model",
              R"({"type": "WordPiece", "unk_token": "u", "continuing_subword_prefix": "##", "max_input_chars_per_word": 9, "vocab": {"a": -1}})",
              "/model/vocab/a: expected an id"},
          Case{
              "model",
              R"({"type": "WordPiece", "unk_token": "u", "continuing_subword_prefix": "##", "max_input_chars_per_word": 9, "vocab": {"a": 0}})",
              "/model/unk_token: the vocabulary lacks the unknown token"},
          Case{
              "post_processor",
              R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "[X]", "type_id": 0}}], "pair": [], "special_tokens": {}})",
              "/post_processor/single/0/SpecialToken/id: expected a key of special_tokens"},
          Case{"pre_tokenizer", "7", "/pre_tokenizer: expected an object, found number"},
          Case{"pre_tokenizer",
               R"({"type": null})",
               "/pre_tokenizer/type: expected a string, found nothing"},
          Case{"pre_tokenizer",
               R"({"type": "Split", "pattern": {"Regex": "a"}, "invert": false})",
               "/pre_tokenizer/behavior: expected a string, found nothing"},
          Case{"pre_tokenizer",
               R"({"type": "Split", "pattern": {"Regex": "a"}, "behavior": "Shredded"})",
               "/pre_tokenizer/behavior: expected Removed, Isolated"},
          Case{"pre_tokenizer",
               R"({"type": "Split", "pattern": "a", "behavior": "Isolated"})",
               "/pre_tokenizer/pattern: expected an object, found string"},
          Case{"pre_tokenizer",
               R"({"type": "Split", "pattern": {"Regex": null}, "behavior": "Isolated"})",
               "/pre_tokenizer/pattern/Regex: expected a string, found nothing"},
          Case{"pre_tokenizer",
               R"({"type": "Split", "pattern": {"Regex": "(a"}, "behavior": "Isolated"})",
               "/pre_tokenizer/pattern/Regex: expected a pattern, found a ( without a )"},
          Case{"pre_tokenizer",
               R"({"type": "CharDelimiterSplit", "delimiter": "ab"})",
               "/pre_tokenizer/delimiter: expected one character, found ab"},
          Case{"pre_tokenizer",
               R"({"type": "Sequence", "pretokenizers": null})",
               "/pre_tokenizer/pretokenizers: expected an array, found nothing"},
          Case{"pre_tokenizer",
               R"({"type": "Digits", "individual_digits": 1})",
               "/pre_tokenizer/individual_digits: expected true or false, found number"},
          Case{"normalizer",
               R"({"type": "Replace", "pattern": {"Regex": "[a"}, "content": "b"})",
               "/normalizer/pattern/Regex: expected a pattern, found a [ without a ]"},
          Case{"model",
               R"({"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"]})",
               "/model/merges/0: the vocabulary lacks a token of it"},
          Case{"model",
               R"({"type": "BPE", "vocab": {"a": 0}, "merges": [7]})",
               "/model/merges/0: expected a string, found number"},
          Case{"model",
               R"({"type": "BPE", "vocab": {"a": 0}})",
               "/model/merges: expected an array, found nothing"},
          Case{
              "model",
              R"({"type": "BPE", "continuing_subword_prefix": "##", "vocab": {"a": 0}, "merges": ["a a"]})",
              "/model/merges/0: the vocabulary lacks a token of it"},
          Case{
              "model", R"({"type": "WordLevel", "vocab": {"a": 0}})", "/model/unk_token: expected"},
          Case{"normalizer",
               R"({"type": "BertNormalizer", "lowercase": "yes"})",
               "/normalizer/lowercase: expected true or false, found string"},
      }) {
    const auto refused = Tokenizer::parse(json_with(std::string(c.part), c.value), kGeneric);
    ASSERT_FALSE(refused) << c.value;
    EXPECT_EQ(refused.error().code, "BAD_TOKENIZER");
    EXPECT_NE(refused.error().message.find(c.expected), std::string::npos)
        << refused.error().message;
  }
}

TEST(Tokenizer, a_pattern_that_goes_back_without_end_is_an_error_of_the_text) {
  for (
      const auto& [part, value] :
      {std::pair{
           "pre_tokenizer",
           R"({"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": false})"},
       std::pair{"normalizer",
                 R"({"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": "b"})"}}) {
    const auto tokenizer = Tokenizer::parse(json_with(part, value), kGeneric);
    ASSERT_TRUE(tokenizer) << tokenizer.error().text();

    EXPECT_TRUE((*tokenizer)->encode("aaa"));
    const auto refused = (*tokenizer)->encode(std::string(100, 'a') + "b");

    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "BAD_TOKENIZER");
    EXPECT_NE(refused.error().message.find("ten million steps"), std::string::npos);
  }
}

TEST(Tokenizer, a_word_that_is_unknown_where_no_token_says_so_is_a_clear_error) {
  const auto tokenizer = Tokenizer::parse(
      json_with("model", R"({"type": "WordLevel", "unk_token": "<unk>", "vocab": {"a": 0}})"),
      kGeneric);
  ASSERT_TRUE(tokenizer) << tokenizer.error().text();

  EXPECT_EQ((*tokenizer)->encode("a A").value().ids, (std::vector<std::int32_t>{0, 0}));
  EXPECT_EQ((*tokenizer)->encode("z").error().code, "UNKNOWN_TEXT");
}

TEST(Tokenizer, two_texts_of_words_are_read_together) {
  const auto tokenizer = load(tiny("tiny_bert"));
  const std::vector<std::string_view> first = {"the", "screen"};
  const std::vector<std::string_view> second = {"late", "the"};
  const EncodeOptions options{.want_offsets = true};

  const Encoding words = tokenizer->encode_word_pair(first, second, options).value();
  const Encoding texts = tokenizer->encode_pair("the screen", "late the", options).value();

  EXPECT_EQ(words.ids, texts.ids);
  EXPECT_EQ(words.type_ids, texts.type_ids);
  EXPECT_EQ(words.special_mask, texts.special_mask);
  EXPECT_EQ(words.sequence, (std::vector<std::int32_t>{-1, 0, 0, -1, 1, 1, -1}));
  EXPECT_EQ(words.words, (std::vector<std::int32_t>{-1, 0, 1, -1, 0, 1, -1}));
  EXPECT_EQ(words.offsets[2], (Offset{0, 6}));
}

TEST(Tokenizer, a_folder_without_vocabulary_is_not_found) {
  const Folder folder("empty");

  const auto refused = Tokenizer::load(folder.path());

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "NO_FILE");
}

TEST(Tokenizer, vocab_txt_of_another_family_is_refused) {
  const Folder folder("foreign");
  folder.write("vocab.txt", "a\nb\n");
  folder.write("tokenizer_config.json", R"({"tokenizer_class": "CpmAntTokenizer"})");

  const auto refused = Tokenizer::load(folder.path());

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "UNSUPPORTED_TOKENIZER");
}

TEST(Tokenizer, refuses_bytes_that_are_not_utf_8) {
  const auto refused = small()->encode("a\xFFz");

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "BAD_UTF8");
  EXPECT_EQ(small()->encode_pair("a", "\xC3").error().code, "BAD_UTF8");
}

TEST(Tokenizer, a_cut_text_says_so) {
  const auto tokenizer = load(tiny("tiny_bert"));
  const EncodeOptions options{.truncation = Truncation{.max_length = 5}};

  EXPECT_TRUE(tokenizer->encode("a b c d", options).value().truncated);
  EXPECT_EQ(tokenizer->encode("a b c d", options).value().ids.size(), 5U);
  EXPECT_FALSE(tokenizer->encode("a b c", options).value().truncated);
}

TEST(Tokenizer, long_texts_without_spaces_take_linear_time) {
  const auto tokenizer = load(tiny("tiny_bert"));

  EXPECT_EQ(tokenizer->encode(std::string(1'000'000, 'a')).value().ids.size(), 3U);
  EXPECT_EQ(tokenizer->encode(std::string(1'000'000, ' ')).value().ids.size(), 2U);
  EXPECT_EQ(tokenizer->encode(std::string(1'000'000, '[')).value().ids.size(), 1'000'002U);
}

TEST(Tokenizer, threads_share_one_and_get_the_same) {
  const auto tokenizer = load(tiny("tiny_bert"));
  const std::string text = "Hello, w\u00F6rld! [MASK] \u4E2D the end";
  const auto expected = tokenizer->encode(text, {.want_offsets = true}).value();
  std::array<int, 4> wrong{};

  std::vector<std::thread> threads;
  for (int& count : wrong) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        const auto found = tokenizer->encode(text, {.want_offsets = true}).value();
        count += found.ids != expected.ids || found.offsets != expected.offsets ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(wrong, (std::array<int, 4>{}));
}

}  // namespace
}  // namespace millrace::pipeline
