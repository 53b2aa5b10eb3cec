#include "pipeline/text/unigram.h"

#include "pipeline/text/charsmap.h"
#include "pipeline/text/tokenizer.h"

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace millrace::pipeline {
namespace {

Unigram model_of(const std::vector<std::pair<std::string_view, double>>& pieces,
                 const Unigram::Options& options) {
  std::vector<std::pair<std::string_view, std::int32_t>> keys;
  std::vector<double> scores;
  for (const auto& [piece, score] : pieces) {
    keys.emplace_back(piece, static_cast<std::int32_t>(scores.size()));
    scores.push_back(score);
  }
  return Unigram(ByteTrie::build(std::move(keys)).value(), std::move(scores), options);
}

std::vector<std::int32_t> ids(const Unigram& model, std::string_view word) {
  std::vector<BpePiece> pieces;
  EXPECT_TRUE(model.cut(word, pieces));
  std::vector<std::int32_t> found;
  for (const BpePiece& piece : pieces) found.push_back(piece.id);
  return found;
}

TEST(Unigram, takes_the_pieces_whose_scores_sum_to_the_most) {
  const Unigram model =
      model_of({{"<unk>", 0}, {"a", -3}, {"b", -3}, {"ab", -5}, {"abc", -20}, {"c", -1}},
               {.unknown_id = 0, .byte_ids = {}});
  EXPECT_EQ(ids(model, "abc"), (std::vector<std::int32_t>{3, 5}));
}

TEST(Unigram, unknown_characters_in_a_row_become_one) {
  const Unigram model = model_of({{"<unk>", 0}, {"a", -3}}, {.unknown_id = 0, .byte_ids = {}});
  EXPECT_EQ(ids(model, "xyazz"), (std::vector<std::int32_t>{0, 1, 0}));
}

TEST(Unigram, a_piece_of_the_unknown_token_is_one_with_its_neighbours) {
  const Unigram model = model_of({{"u", 0}, {"a", -3}}, {.unknown_id = 0, .byte_ids = {}});
  EXPECT_EQ(ids(model, "xuxa"), (std::vector<std::int32_t>{0, 1}));
}

TEST(Unigram, without_an_unknown_token_the_text_is_refused) {
  const Unigram model = model_of({{"a", -3}}, {});
  std::vector<BpePiece> pieces;
  EXPECT_TRUE(model.cut("aa", pieces));
  EXPECT_FALSE(model.cut("ab", pieces));
}

std::string tokenizer_json(const std::string& normalizer, const std::string& model) {
  return fmt::format(
      R"({{"version": "1.0", "added_tokens": [], "normalizer": {}, "post_processor": null,
      "decoder": {{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true}},
      "pre_tokenizer": {{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true}},
      "model": {}}})",
      normalizer,
      model);
}

constexpr auto kConfig = R"({"tokenizer_class": "PreTrainedTokenizerFast"})";
constexpr auto kModel =
    R"({"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["▁a", -1.5], ["b", -2]]})";

TEST(UnigramFile, a_text_without_a_token_for_it_is_a_clear_error) {
  const auto tokenizer = Tokenizer::parse(
      tokenizer_json("null", R"({"type": "Unigram", "unk_id": null, "vocab": [["▁a", -1.5]]})"),
      kConfig);
  ASSERT_TRUE(tokenizer) << tokenizer.error().text();
  const auto refused = (*tokenizer)->encode("z", {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "UNKNOWN_TEXT");
}

TEST(UnigramFile, an_old_file_that_names_no_type_is_read) {
  const auto tokenizer = Tokenizer::parse(
      tokenizer_json("null", R"({"unk_id": 0, "vocab": [["<unk>", 0], ["▁a", -1.5]]})"), kConfig);
  ASSERT_TRUE(tokenizer) << tokenizer.error().text();
  EXPECT_EQ((*tokenizer)->encode("a", {})->ids, (std::vector<std::int32_t>{1}));
}

TEST(UnigramFile, a_model_without_type_or_vocabulary_is_refused) {
  for (const char* model : {R"({"vocab": null})", R"({})", R"({"vocab": 3})"}) {
    const auto refused = Tokenizer::parse(tokenizer_json("null", model), kConfig);
    ASSERT_FALSE(refused) << model;
    EXPECT_NE(refused.error().message.find("/model/type"), std::string::npos)
        << refused.error().message;
  }
}

TEST(UnigramFile, of_equal_pieces_the_last_is_found_and_all_have_names) {
  const auto tokenizer = Tokenizer::parse(tokenizer_json("null",
                                                         R"({"type": "Unigram", "unk_id": 0,
                         "vocab": [["<unk>", 0], ["▁a", -1.5], ["▁a", -9]]})"),
                                          kConfig);
  ASSERT_TRUE(tokenizer) << tokenizer.error().text();
  EXPECT_EQ((*tokenizer)->encode("a", {})->ids, (std::vector<std::int32_t>{2}));
  EXPECT_EQ((*tokenizer)->id_to_token(1), "▁a");
}

TEST(UnigramFile, an_empty_character_map_maps_nothing) {
  const auto tokenizer = Tokenizer::parse(
      tokenizer_json(R"({"type": "Precompiled", "precompiled_charsmap": ""})", kModel), kConfig);
  ASSERT_TRUE(tokenizer) << tokenizer.error().text();
  EXPECT_EQ((*tokenizer)->encode("ab", {})->ids, (std::vector<std::int32_t>{1, 2}));
}

TEST(UnigramFile, what_is_wrong_is_told_with_its_place) {
  struct Case {
    std::string normalizer;
    std::string model;
    std::string_view expected;
  };

  const std::string model = kModel;
  for (const Case& c : {
           Case{R"({"type": "Precompiled", "precompiled_charsmap": "AAAA"})",
                model,
                "/normalizer/precompiled_charsmap: expected a SentencePiece character map"},
           Case{R"({"type": "Precompiled", "precompiled_charsmap": "?"})",
                model,
                "/normalizer/precompiled_charsmap: expected a SentencePiece character map"},
           Case{R"({"type": "Replace", "pattern": {"Regex": "a++*"}, "content": "b"})",
                model,
                "/normalizer/pattern/Regex: found a quantifier after a quantifier"},
           Case{R"({"type": "Replace", "pattern": {"String": ""}, "content": "b"})",
                model,
                "/normalizer/pattern/String: found an empty text"},
           Case{fmt::format(R"({{"type": "Prepend", "prepend": "{}"}})", std::string(65, 'x')),
                model,
                "/normalizer/prepend: found 65 characters; supported: at most 64"},
           Case{R"({"type": "Sequence", "normalizers": [{"type": "Sparkle"}]})",
                model,
                "/normalizer/normalizers/0/type: found Sparkle"},
           Case{"null",
                R"({"type": "Unigram", "unk_id": 7, "vocab": [["a", -1]]})",
                "/model/unk_id"},
           Case{"null",
                R"({"type": "Unigram", "unk_id": 0, "vocab": [["a", -1], ["b"]]})",
                "/model/vocab/1: expected a piece and its score"},
           Case{"null",
                R"({"type": "Unigram", "unk_id": 0, "vocab": [["a", -1]], "byte_fallback": true})",
                "/model/vocab: no piece <0x00>"},
       }) {
    const auto refused = Tokenizer::parse(tokenizer_json(c.normalizer, c.model), kConfig);
    ASSERT_FALSE(refused) << c.normalizer << c.model;
    EXPECT_NE(refused.error().message.find(c.expected), std::string::npos)
        << refused.error().message;
  }
}

std::string units(const std::vector<std::uint32_t>& all) {
  std::string bytes;
  const auto put = [&](std::uint32_t value) {
    for (unsigned shift = 0; shift < 32; shift += 8)
      bytes += static_cast<char>(static_cast<unsigned char>((value >> shift) & 0xFFU));
  };
  put(static_cast<std::uint32_t>(all.size() * 4));
  for (const std::uint32_t unit : all) put(unit);
  return bytes;
}

constexpr std::uint32_t kHasLeaf = 0x100;

/// A unit whose children lie at its place ^ offset ^ their byte.
std::uint32_t unit(unsigned char label, std::uint32_t offset, std::uint32_t flags = 0) {
  return label | (offset << 10U) | flags;
}

/// A map of one key, "a", whose leaf at 200 has this value.
std::string map_of_a(std::uint32_t leaf_offset, std::uint32_t value, const std::string& texts) {
  std::vector<std::uint32_t> all(256, 0);
  all['a'] = unit('a', leaf_offset, kHasLeaf);
  all[200] = value;
  return units(all) + texts;
}

std::u32string mapped(const std::string& map, const std::u32string& text) {
  SourcedText sourced;
  for (const char32_t c : text) sourced.push_back({c, static_cast<std::uint32_t>(sourced.size())});
  const auto read = Charsmap::read(map);
  EXPECT_TRUE(read.has_value());
  if (read) read->apply(sourced);
  std::u32string out;
  for (const Sourced& c : sourced) out += c.code_point;
  return out;
}

TEST(Charsmap, replaces_what_has_a_leaf) {
  EXPECT_EQ(mapped(map_of_a('a' ^ 200U, 2, std::string("x\0yz\0", 5)), U"bab"), U"byzb");
}

TEST(Charsmap, what_goes_at_the_very_start_shifts_the_places_as_in_the_reference) {
  const auto map = Charsmap::read(map_of_a('a' ^ 200U, 0, std::string("\0", 1)));
  ASSERT_TRUE(map);
  SourcedText text{{U'a', 0}, {U'b', 1}, {U'c', 2}};
  map->apply(text);
  ASSERT_EQ(text.size(), 2U);
  EXPECT_EQ(text[0].code_point, U'b');
  EXPECT_EQ(text[0].origin, 0U);
  EXPECT_EQ(text[1].origin, 1U);
}

TEST(Charsmap, arrays_that_lead_out_of_themselves_map_nothing) {
  const std::string texts("x\0", 2);
  EXPECT_EQ(mapped(map_of_a(0x1FFFFF, 0, texts), U"aa"), U"aa");     // the leaf
  EXPECT_EQ(mapped(map_of_a('a' ^ 200U, 99, texts), U"aba"), U"b");  // the text: an empty one
  std::vector<std::uint32_t> far(256, 0);
  far[0] = unit(0, 0x1FFFFF);
  EXPECT_EQ(mapped(units(far) + texts, U"aa"), U"aa");  // the children of the root
}

TEST(Charsmap, what_is_no_map_is_refused) {
  EXPECT_FALSE(Charsmap::read(""));
  EXPECT_FALSE(Charsmap::read(std::string("\x08\0\0\0\0\0\0\0", 8)));
  EXPECT_FALSE(Charsmap::read(units({0}) + "\xFF"));
  EXPECT_FALSE(Charsmap::read(units({0}) + std::string(257, 'x')));
}

}  // namespace
}  // namespace millrace::pipeline
