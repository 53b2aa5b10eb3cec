#include "config/base/json.h"
#include "pipeline/text/tokenizer.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

// Made from transformers 4.57 and tokenizers 0.22.2, everything is compared exactly:
// tests/golden/wordpiece.json by make_tokenizer_golden.py, byte_level.json by make_bpe_golden.py,
// unigram.json by make_unigram_golden.py, steps.json by make_steps_golden.py,
// tokenizer_classes.json by make_class_golden.py, sentencepiece.json by
// make_sentencepiece_golden.py.

namespace millrace::pipeline {
namespace {

std::string source_dir() {
  const char* folder = std::getenv("MILLRACE_SOURCE_DIR");
  return folder != nullptr ? folder : ".";
}

Json read_golden(const std::string& name) {
  std::ifstream file(source_dir() + "/tests/golden/" + name, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return Json::parse(text.str());  // the wide sets hold more than a model file may
}

const Json& wordpiece() {
  static const Json data = read_golden("wordpiece.json");
  return data;
}

const Json& byte_level() {
  static const Json data = read_golden("byte_level.json");
  return data;
}

const Json& unigram() {
  static const Json data = read_golden("unigram.json");
  return data;
}

const Json& steps() {
  static const Json data = read_golden("steps.json");
  return data;
}

const Json& sentencepiece() {
  static const Json data = read_golden("sentencepiece.json");
  return data;
}

std::string marks(const std::vector<std::int32_t>& values) {
  std::string out;
  for (const std::int32_t value : values) out += value < 0 ? "-" : std::to_string(value);
  return out;
}

/// A window in the form of the golden file.
Json shown(const Encoding& encoding) {
  Json offsets = Json::array();
  for (const Offset& offset : encoding.offsets) {
    offsets.push_back(offset.begin);
    offsets.push_back(offset.end);
  }
  const std::vector<std::int32_t> mask(encoding.special_mask.begin(), encoding.special_mask.end());
  return Json::array({encoding.ids,
                      marks(encoding.type_ids),
                      offsets,
                      marks(mask),
                      marks(encoding.sequence),
                      encoding.words});
}

Truncation truncation_of(const Json& spec) {
  using Strategy = Truncation::Strategy;
  const std::string strategy = spec[2];
  return {.max_length = spec[0],
          .strategy = strategy == "only_first"    ? Strategy::only_first
                      : strategy == "only_second" ? Strategy::only_second
                                                  : Strategy::longest_first,
          .stride = spec[1],
          .side = spec[3] == "left" ? Truncation::Side::left : Truncation::Side::right};
}

Result<Encoding> encode_case(const Tokenizer& tokenizer,
                             const Json& texts,
                             const Json& item,
                             EncodeOptions options) {
  options.add_special_tokens = item["specials"];
  if (!item["truncation"].is_null()) options.truncation = truncation_of(item["truncation"]);
  const std::string first = texts[item["texts"][0].get<std::size_t>()];
  if (item["texts"].size() == 1) return tokenizer.encode(first, options);
  const std::string second = texts[item["texts"][1].get<std::size_t>()];
  return tokenizer.encode_pair(first, second, options);
}

void expect_case(const Tokenizer& tokenizer, const Json& texts, const Json& item) {
  const auto full =
      encode_case(tokenizer, texts, item, {.want_offsets = true, .want_overflow = true});
  const auto ids_only = encode_case(tokenizer, texts, item, {});
  if (item.contains("error")) {
    ASSERT_FALSE(full.has_value()) << item.dump();
    if (item["error"] == "unknown") {
      EXPECT_EQ(full.error().code, "UNKNOWN_TEXT");
      return;
    }
    EXPECT_EQ(full.error().code, "BAD_TRUNCATION");
    EXPECT_NE(full.error().message.find(item["error"].get<std::string>()), std::string::npos)
        << full.error().message;
    return;
  }
  ASSERT_TRUE(full.has_value()) << full.error().text() << item.dump();
  Json windows = Json::array({shown(*full)});
  for (const Encoding& window : full->overflowing) windows.push_back(shown(window));
  EXPECT_EQ(windows, item["windows"]) << item.dump();
  EXPECT_EQ(full->truncated, item["windows"].size() > 1);
  ASSERT_TRUE(ids_only.has_value());
  EXPECT_EQ(ids_only->ids, full->ids);
  EXPECT_EQ(ids_only->type_ids, full->type_ids);
  EXPECT_EQ(ids_only->truncated, full->truncated);
  EXPECT_TRUE(ids_only->offsets.empty() && ids_only->overflowing.empty());
  if (!item.contains("decoded")) return;
  EXPECT_EQ(tokenizer.decode(full->ids, true), item["decoded"].get<std::string>()) << item.dump();
}

const Json& entry(const Json& golden, const std::string& name) {
  for (const Json& tokenizer : golden["tokenizers"]) {
    if (tokenizer["name"] == name) return tokenizer;
  }
  throw std::runtime_error("the golden file has no tokenizer " + name);
}

void expect_all(const Tokenizer& tokenizer, const Json& golden, const std::string& name) {
  const Json& cases = entry(golden, name)["cases"];
  ASSERT_GT(cases.size(), 15U);
  for (const Json& item : cases) expect_case(tokenizer, golden["texts"], item);
}

void expect_folder(const std::string& name, const std::string& folder) {
  const auto tokenizer = Tokenizer::load(folder);
  ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().text();
  expect_all(**tokenizer, wordpiece(), name);
}

void expect_inline(const Json& golden, const std::string& name) {
  const Json& spec = entry(golden, name);
  const auto tokenizer =
      Tokenizer::parse(spec["json"].get<std::string>(), spec["config"].get<std::string>());
  ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().text();
  expect_all(**tokenizer, golden, name);
}

TEST(WordPieceGolden, a_lower_casing_bert_gives_what_the_reference_gives) {
  expect_folder("tiny_bert", source_dir() + "/tests/golden/tiny_bert");
}

TEST(WordPieceGolden, a_case_keeping_distilbert_gives_what_the_reference_gives) {
  expect_folder("tiny_distilbert", source_dir() + "/tests/golden/tiny_distilbert");
}

TEST(WordPieceGolden, a_vocabulary_of_thirty_thousand_gives_what_the_reference_gives) {
  const char* folder = std::getenv("MILLRACE_MINILM");
  if (folder == nullptr)
    GTEST_SKIP() << "MILLRACE_MINILM names no folder; deploy/install.sh downloads the model";
  expect_folder("minilm", folder);
}

TEST(WordPieceGolden, added_tokens_of_every_kind_are_found_as_the_reference_finds_them) {
  expect_inline(wordpiece(), "added");
}

TEST(WordPieceGolden, accents_stay_when_the_normalizer_says_so) {
  expect_inline(wordpiece(), "accents");
}

TEST(WordPieceGolden, sequences_of_pre_tokenizers_cut_as_in_the_reference) {
  expect_inline(wordpiece(), "sequence");
}

TEST(WordPieceGolden, works_without_normalizer_and_post_processor) {
  expect_inline(wordpiece(), "bare");
}

TEST(ByteLevelGolden, every_member_of_the_family_gives_what_the_reference_gives) {
  for (const std::string name : {"roberta", "bart", "gpt2", "whole_words", "trimmed"}) {
    SCOPED_TRACE(name);
    expect_inline(byte_level(), name);
  }
}

TEST(UnigramGolden, every_member_of_the_family_gives_what_the_reference_gives) {
  for (const std::string name :
       {"xlm_roberta", "camembert", "albert", "deberta", "t5", "nfkc", "nfc", "whole"}) {
    SCOPED_TRACE(name);
    expect_inline(unigram(), name);
  }
}

TEST(StepsGolden, parts_go_together_in_every_way_as_in_the_reference) {
  ASSERT_FALSE(steps()["tokenizers"].empty());
  for (const Json& tokenizer : steps()["tokenizers"]) {
    const std::string name = tokenizer["name"];
    SCOPED_TRACE(name);
    expect_inline(steps(), name);
  }
}

std::optional<std::int32_t> id_or_nothing(const Json& value) {
  return value.is_null() ? std::nullopt : std::optional(value.get<std::int32_t>());
}

void expect_call(const Tokenizer& tokenizer, const Json& call) {
  const auto texts = call["texts"].get<std::vector<std::string>>();
  const auto encoding =
      texts.size() == 1 ? tokenizer.encode(texts[0]) : tokenizer.encode_pair(texts[0], texts[1]);
  ASSERT_TRUE(encoding) << encoding.error().text();
  EXPECT_EQ(Json(encoding->ids), call["ids"]) << call.dump();
  if (!call["type_ids"].is_null()) {
    EXPECT_EQ(Json(encoding->type_ids), call["type_ids"]);
  }
  EXPECT_EQ(tokenizer.decode(encoding->ids, texts.size() == 1), call["decoded"].get<std::string>())
      << call.dump();
}

TEST(TokenizerClasses, change_what_a_file_says_as_in_transformers) {
  const Json golden = read_golden("tokenizer_classes.json");
  ASSERT_GE(golden["entries"].size(), 10U);
  for (const Json& known : golden["entries"]) {
    const std::string config = known["config"];
    SCOPED_TRACE(config);
    const std::string file = golden["files"][known["file"].get<std::size_t>()];
    const auto loaded = Tokenizer::parse(file, config);
    ASSERT_TRUE(loaded) << loaded.error().text();
    const Tokenizer& tokenizer = **loaded;
    EXPECT_EQ(tokenizer.pads_left(), known["pads_left"].get<bool>());
    EXPECT_EQ(tokenizer.wants_type_ids(), known["type_ids"].get<bool>());
    EXPECT_EQ(tokenizer.unk_id(), id_or_nothing(known["special"]["unk_token"]));
    EXPECT_EQ(tokenizer.pad_id(), id_or_nothing(known["special"]["pad_token"]));
    for (const Json& call : known["calls"]) expect_call(tokenizer, call);
  }
}

TEST(TokenizerClasses, settings_that_ask_for_another_tokenizer_than_the_file_are_refused) {
  const Json golden = read_golden("tokenizer_classes.json");
  const std::string llama = golden["files"][0];

  const auto same =
      Tokenizer::parse(llama, R"({"tokenizer_class": "LlamaTokenizer", "add_prefix_space": true})");
  const auto other = Tokenizer::parse(
      llama, R"({"tokenizer_class": "LlamaTokenizer", "add_prefix_space": false})");
  const auto gap = Tokenizer::parse(llama, R"({"tokenizer_class": "CodeLlamaTokenizer"})");

  EXPECT_TRUE(same);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, "UNSUPPORTED_TOKENIZER");
  ASSERT_FALSE(gap);
  EXPECT_EQ(gap.error().code, "UNSUPPORTED_TOKENIZER");
}

/// A folder with a SentencePiece file and what else the golden file names, without tokenizer.json.
std::filesystem::path sentencepiece_folder(const Json& spec) {
  const auto folder = std::filesystem::path(testing::TempDir()) /
                      ("sentencepiece_" + spec["name"].get<std::string>());
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  std::filesystem::copy_file(source_dir() + "/tests/golden/spm/" + spec["model"].get<std::string>(),
                             folder / spec["file"].get<std::string>());
  for (const auto& [name, text] : spec["files"].items())
    std::ofstream(folder / name) << text.get<std::string>();
  return folder;
}

TEST(SentencePieceGolden, every_class_makes_the_tokenizer_that_the_reference_makes_of_the_file) {
  ASSERT_FALSE(sentencepiece()["tokenizers"].empty());
  for (const Json& spec : sentencepiece()["tokenizers"]) {
    const std::string name = spec["name"];
    SCOPED_TRACE(name);
    const auto tokenizer = Tokenizer::load(sentencepiece_folder(spec).string());
    ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().text();
    EXPECT_EQ((*tokenizer)->vocab_size(), spec["size"].get<std::size_t>());
    expect_all(**tokenizer, sentencepiece(), name);
  }
}

/// A copy of a model folder whose tokenizer.json became vocab.json and merges.txt. The reference
/// makes the same tokenizer.json of these again.
std::filesystem::path as_vocab_and_merges(const std::filesystem::path& from,
                                          const std::string& to) {
  const auto folder = std::filesystem::path(testing::TempDir()) / to;
  std::filesystem::create_directories(folder);
  for (const char* name : {"tokenizer_config.json", "special_tokens_map.json", "config.json"}) {
    std::filesystem::copy_file(
        from / name, folder / name, std::filesystem::copy_options::overwrite_existing);
  }
  std::ifstream file(from / "tokenizer.json");
  const Json model = Json::parse(file)["model"];
  std::ofstream(folder / "vocab.json") << model["vocab"];
  std::ofstream merges(folder / "merges.txt");
  merges << "#version: 0.2\n";
  for (const Json& merge : model["merges"])
    merges << merge[0].get<std::string>() << ' ' << merge[1].get<std::string>() << '\n';
  return folder;
}

TEST(VocabAndMerges, give_what_the_tokenizer_json_made_of_them_gives) {
  for (const char* name : {"tiny_roberta_ner", "tiny_roberta_qa"}) {
    const std::filesystem::path folder = source_dir() + "/tests/golden/" + name;
    const auto whole = Tokenizer::load(folder.string());
    const auto plain =
        Tokenizer::load(as_vocab_and_merges(folder, std::string("plain_") + name).string());
    ASSERT_TRUE(whole.has_value()) << whole.error().text();
    ASSERT_TRUE(plain.has_value()) << plain.error().text();
    EncodeOptions options;
    options.want_offsets = true;
    const Json texts = byte_level()["texts"];
    for (const Json& text : texts) {
      const auto a = (*whole)->encode(text.get<std::string>(), options);
      const auto b = (*plain)->encode(text.get<std::string>(), options);
      ASSERT_TRUE(a && b);
      EXPECT_EQ(a->ids, b->ids) << text;
      EXPECT_EQ(a->offsets, b->offsets) << text;
      EXPECT_EQ((*whole)->decode(a->ids, true), (*plain)->decode(b->ids, true)) << text;
    }
  }
}

TEST(VocabAndMerges, what_is_wrong_is_told_with_its_line) {
  const auto folder =
      as_vocab_and_merges(source_dir() + "/tests/golden/tiny_roberta_ner", "broken_merges");
  std::ofstream(folder / "merges.txt") << "#version: 0.2\nh e\nhe\nx y\n";
  const auto refused = Tokenizer::load(folder.string());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, "BAD_TOKENIZER");
  EXPECT_NE(refused.error().message.find("merges.txt: line 3"), std::string::npos);
}

}  // namespace
}  // namespace millrace::pipeline
