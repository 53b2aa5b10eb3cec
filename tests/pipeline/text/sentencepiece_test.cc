#include "pipeline/text/sentencepiece.h"

#include "pipeline/text/tokenizer.h"

#include <bit>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace millrace::pipeline {
namespace {

using namespace std::string_literals;
using Type = SentencePieceModel::Type;

constexpr auto kFile = "spiece.model";

std::string kept_model(const std::string& name) {
  const char* root = std::getenv("MILLRACE_SOURCE_DIR");
  std::ifstream file(std::string(root != nullptr ? root : ".") + "/tests/golden/spm/" + name,
                     std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string varint(std::uint64_t value) {
  std::string out;
  for (; value > 0x7F; value >>= 7U) out += static_cast<char>((value & 0x7FU) | 0x80U);
  return out + static_cast<char>(value);
}

std::string number(std::uint32_t field, std::uint64_t value) {
  return varint(field << 3U) + varint(value);
}

std::string bytes(std::uint32_t field, const std::string& value) {
  return varint((field << 3U) | 2U) + varint(value.size()) + value;
}

std::string piece(const std::string& text, float score, Type type) {
  const auto bits = std::bit_cast<std::uint32_t>(score);
  std::string fixed;
  for (unsigned i = 0; i < 4; ++i) fixed += static_cast<char>((bits >> (8 * i)) & 0xFFU);
  return bytes(1,
               bytes(1, text) + varint((2U << 3U) | 5U) + fixed +
                   number(3, static_cast<std::uint64_t>(type)));
}

std::string trainer(std::uint64_t kind, std::uint64_t unknown_id) {
  return bytes(2, number(3, kind) + number(40, unknown_id));
}

/// <pad> </s> <unk> ▁a b
std::string small_pieces() {
  return piece("<pad>", 0, Type::control) + piece("</s>", 0, Type::control) +
         piece("<unk>", 0, Type::unknown) + piece("\u2581a", -1.5F, Type::normal) +
         piece("b", -2, Type::normal);
}

std::string small_model() { return small_pieces() + trainer(1, 2); }

/// A folder of a T5 tokenizer, or of the class that is named.
class Folder {
 public:
  explicit Folder(const std::string& name, const std::string& tokenizer_class = "T5Tokenizer")
      : path_(std::filesystem::path(testing::TempDir()) / ("sentencepiece_test_" + name)) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
    write("tokenizer_config.json", fmt::format(R"({{"tokenizer_class": "{}"}})", tokenizer_class));
  }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
  }

  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

Error refusal(const Folder& folder) {
  const auto loaded = Tokenizer::load(folder.path());
  EXPECT_FALSE(loaded.has_value());
  return loaded ? Error() : loaded.error();
}

Error refusal(const std::string& name, const std::string& model) {
  const Folder folder(name);
  folder.write(kFile, model);
  return refusal(folder);
}

TEST(SentencePieceFile, a_small_file_is_read_as_it_was_written) {
  const auto model = read_sentencepiece(
      small_model() + bytes(3, bytes(1, "nmt_nfkc") + bytes(2, "map")) + bytes(200, "other"),
      kFile);
  ASSERT_TRUE(model) << model.error().text();
  EXPECT_EQ(model->kind, SentencePieceModel::Kind::unigram);
  EXPECT_EQ(model->unknown_id, 2);
  EXPECT_EQ(model->charsmap, "map");
  ASSERT_EQ(model->pieces.size(), 5U);
  EXPECT_EQ(model->pieces[2].type, Type::unknown);
  EXPECT_EQ(model->pieces[3].text, "\u2581a");
  EXPECT_EQ(model->pieces[3].score, -1.5F);
}

TEST(SentencePieceFile, what_a_file_leaves_out_has_its_default) {
  const auto model =
      read_sentencepiece(piece("<unk>", 0, Type::unknown) + bytes(1, bytes(1, "a")), kFile);
  ASSERT_TRUE(model) << model.error().text();
  EXPECT_EQ(model->kind, SentencePieceModel::Kind::unigram);
  EXPECT_EQ(model->unknown_id, 0);
  EXPECT_TRUE(model->charsmap.empty());
  EXPECT_EQ(model->pieces[1].type, Type::normal);
  EXPECT_EQ(model->pieces[1].score, 0);
}

TEST(SentencePieceFile, what_is_wrong_with_a_piece_is_told) {
  struct Case {
    std::string model;
    std::string_view expected;
  };

  const auto nan = std::numeric_limits<float>::quiet_NaN();
  for (const Case& c : {
           Case{"", "expected pieces, found none"},
           Case{trainer(1, 0), "expected pieces, found none"},
           Case{small_pieces() + piece("\xFF\xFE", -1, Type::normal), "piece 5 is not UTF-8 text"},
           Case{small_pieces() + piece("\xE2\x96", -1, Type::normal), "piece 5 is not UTF-8 text"},
           Case{small_pieces() + piece("a\0b"s, -1, Type::normal), "piece 5 is not UTF-8 text"},
           Case{small_pieces() + piece("", -1, Type::normal), "piece 5 has no text"},
           Case{small_pieces() + piece("x", nan, Type::normal), "piece 5 has no finite score"},
           Case{small_pieces() + piece("x", -1, static_cast<Type>(7)),
                "piece 5: expected a type from 1 to 6, found 7"},
           Case{small_pieces() + trainer(9, 0),
                "trainer_spec.model_type: expected 1 to 4, found 9"},
           Case{small_pieces() + bytes(1, number(1, 3)), "expected the text of a piece"},
           Case{small_pieces() + bytes(1, bytes(2, "x")), "expected the score of a piece"},
           Case{small_pieces() + number(1, 3), "expected a message"},
           Case{small_pieces() + bytes(2, bytes(40, "x")), "expected trainer_spec.unk_id"},
           Case{small_pieces() + bytes(3, number(2, 7)),
                "expected normalizer_spec.precompiled_charsmap"},
           // These the library finds.
           Case{small_pieces() + piece("b", -1, Type::normal), "b is already defined"},
           Case{piece("a", -1, Type::normal), "unk is not defined"},
       }) {
    const auto refused = read_sentencepiece(c.model, kFile);
    ASSERT_FALSE(refused) << c.expected;
    EXPECT_EQ(refused.error().code, "BAD_TOKENIZER");
    EXPECT_TRUE(refused.error().message.starts_with(kFile)) << refused.error().message;
    EXPECT_NE(refused.error().message.find(c.expected), std::string::npos)
        << refused.error().message;
  }
}

TEST(SentencePieceFile, lengths_beyond_the_file_are_refused_before_memory_is_taken) {
  for (const std::uint64_t length : {std::uint64_t{1} << 31U,
                                     (std::uint64_t{1} << 31U) - 1,
                                     std::uint64_t{1} << 32U,
                                     std::uint64_t{1} << 63U,
                                     std::numeric_limits<std::uint64_t>::max()}) {
    for (const std::uint32_t field : {1U, 2U, 3U, 4U}) {
      const std::string claim = varint((field << 3U) | 2U) + varint(length) + "abc";
      const std::string model = small_model();
      const auto refused = read_sentencepiece(model + claim, kFile);
      ASSERT_FALSE(refused);
      EXPECT_NE(refused.error().message.find(
                    fmt::format("the field at byte {} is damaged", model.size())),
                std::string::npos)
          << refused.error().message;
      const auto inside = read_sentencepiece(model + bytes(field < 4 ? field : 1, claim), kFile);
      ASSERT_FALSE(inside);
      EXPECT_NE(inside.error().message.find("is damaged"), std::string::npos);
    }
  }
}

/// A file cut off between two pieces is a smaller file; anywhere else it is damaged.
TEST(SentencePieceFile, a_file_that_was_cut_off_is_refused_or_holds_fewer_pieces) {
  for (const char* name : {"fairseq.model", "albert.model", "t5.model"}) {
    const std::string whole = kept_model(name);
    ASSERT_GT(whole.size(), 2000U) << name;
    const std::size_t all = read_sentencepiece(whole, kFile).value().pieces.size();
    std::size_t refused = 0;
    std::size_t tried = 0;
    for (std::size_t size = 0; size < whole.size(); size += size < 4000 ? 1 : 997, ++tried) {
      const auto read = read_sentencepiece(std::string_view(whole).substr(0, size), kFile);
      if (read) {
        EXPECT_LE(read->pieces.size(), all);
        continue;
      }
      ++refused;
      EXPECT_EQ(read.error().code, "BAD_TOKENIZER");
    }
    EXPECT_GT(refused, tried * 8 / 10) << name;
  }
}

TEST(SentencePieceFile, random_bytes_are_refused) {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string junk(random() % 300 + 1, '\0');
    for (char& byte : junk) byte = static_cast<char>(random());
    EXPECT_FALSE(read_sentencepiece(junk, kFile));
  }
}

TEST(SentencePieceFile, damaged_bytes_are_read_or_refused_and_the_tokenizer_still_cuts) {
  std::mt19937 random(11);
  const std::string whole = kept_model("t5.model");
  const Folder folder("damaged");
  std::size_t read = 0;
  for (int round = 0; round < 600; ++round) {
    std::string model = whole;
    for (unsigned changes = random() % 4 + 1; changes > 0; --changes) {
      const std::size_t at = random() % model.size();
      switch (random() % 3) {
        case 0:
          model[at] = static_cast<char>(random());
          break;
        case 1:
          model.erase(at, random() % 8 + 1);
          break;
        default:
          model.insert(at, whole.substr(random() % whole.size(), random() % 40));
      }
    }
    folder.write(kFile, model);
    const auto loaded = Tokenizer::load(folder.path());
    if (!loaded) continue;
    ++read;
    const auto encoded = (*loaded)->encode("the and \u2581x (of) <extra_id_3>\u00e9", {});
    EXPECT_TRUE(encoded || encoded.error().code == "UNKNOWN_TEXT");
  }
  EXPECT_GT(read, 10U);
}

TEST(SentencePieceFolder, a_model_makes_a_tokenizer) {
  const Folder folder("small");
  folder.write(kFile, small_model());
  const auto tokenizer = Tokenizer::load(folder.path());
  ASSERT_TRUE(tokenizer) << tokenizer.error().text();
  EXPECT_EQ((*tokenizer)->encode("ab z", {})->ids, (std::vector<std::int32_t>{3, 4, 2, 1}));
  EXPECT_EQ((*tokenizer)->id_to_token(5), "<extra_id_99>");
}

TEST(SentencePieceFolder, tokenizer_json_comes_first) {
  const Folder folder("both");
  folder.write(kFile, "not a model");
  folder.write("tokenizer.json",
               R"({"version": "1.0", "added_tokens": [], "normalizer": null, "pre_tokenizer": null,
                   "post_processor": null, "decoder": null,
                   "model": {"type": "WordLevel", "unk_token": "u", "vocab": {"u": 0, "a": 1}}})");
  const auto tokenizer = Tokenizer::load(folder.path());
  ASSERT_TRUE(tokenizer) << tokenizer.error().text();
  EXPECT_EQ((*tokenizer)->encode("a", {})->ids, (std::vector<std::int32_t>{1}));
}

TEST(SentencePieceFolder, an_unknown_id_without_a_piece_is_refused) {
  for (const std::uint64_t id : {std::uint64_t{1000}, ~std::uint64_t{0}}) {
    const Error error = refusal("unk", small_pieces() + trainer(1, id));
    EXPECT_EQ(error.code, "BAD_TOKENIZER");
    EXPECT_NE(error.message.find(
                  fmt::format("spiece.model: trainer_spec.unk_id is {}", static_cast<int>(id))),
              std::string::npos)
        << error.message;
  }
}

TEST(SentencePieceFolder, a_character_map_that_is_none_is_refused) {
  const Error error = refusal("map", small_model() + bytes(3, bytes(2, "abc")));
  EXPECT_EQ(error.code, "BAD_TOKENIZER");
  EXPECT_NE(error.message.find("precompiled_charsmap"), std::string::npos) << error.message;
}

TEST(SentencePieceFolder, models_of_other_kinds_are_refused_with_what_to_do) {
  const Error error = refusal("bpe", small_pieces() + trainer(2, 2));
  EXPECT_EQ(error.code, "UNSUPPORTED_TOKENIZER");
  EXPECT_NE(error.message.find("spiece.model: found model_type 2"), std::string::npos)
      << error.message;
  EXPECT_NE(error.message.find("save_pretrained"), std::string::npos) << error.message;
}

TEST(SentencePieceFolder, a_class_that_is_not_built_from_a_model_is_refused_by_name) {
  const Folder folder("other", "ReformerTokenizer");
  folder.write(kFile, small_model());
  const Error error = refusal(folder);
  EXPECT_EQ(error.code, "UNSUPPORTED_TOKENIZER");
  EXPECT_NE(error.message.find("ReformerTokenizer"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("save_pretrained"), std::string::npos) << error.message;
}

TEST(SentencePieceFolder, a_file_of_another_name_is_told) {
  const Folder folder("named", "XLMRobertaTokenizer");
  folder.write(kFile, small_model());
  const Error error = refusal(folder);
  EXPECT_EQ(error.code, "NO_FILE");
  EXPECT_NE(error.message.find("XLMRobertaTokenizer reads sentencepiece.bpe.model"),
            std::string::npos)
      << error.message;
}

TEST(SentencePieceFolder, extra_tokens_that_contradict_each_other_are_refused) {
  const Folder folder("extra");
  folder.write(kFile, small_model());
  folder.write("tokenizer_config.json",
               R"({"tokenizer_class": "T5Tokenizer", "extra_ids": 3,
                   "additional_special_tokens": ["<extra_id_0>"]})");
  EXPECT_EQ(refusal(folder).code, "BAD_TOKENIZER");
}

}  // namespace
}  // namespace millrace::pipeline
