#include "config/base/json.h"
#include "pipeline/text/tokenizer.h"

#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

// tests/golden/decoders.json was made by tests/golden/make_decoder_golden.py from transformers 4.57
// and tokenizers 0.22.2. Everything is compared exactly.

namespace millrace::pipeline {
namespace {

std::string golden_path(const std::string& name) {
  const char* folder = std::getenv("MILLRACE_SOURCE_DIR");
  return std::string(folder != nullptr ? folder : ".") + "/tests/golden/" + name;
}

Json golden() {
  std::ifstream file(golden_path("decoders.json"), std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return config::parse_json(text.str(), config::JsonLimits::model_file()).value();
}

Result<std::unique_ptr<Tokenizer>> with_decoder(const Json& decoder) {
  const Json whole = {{"model",
                       {{"type", "WordPiece"},
                        {"unk_token", "[UNK]"},
                        {"continuing_subword_prefix", "##"},
                        {"max_input_chars_per_word", 100},
                        {"vocab", {{"[UNK]", 0}, {"a", 1}}}}},
                      {"decoder", decoder}};
  return Tokenizer::parse(whole.dump(), R"({"tokenizer_class": "PreTrainedTokenizerFast"})");
}

std::string text_of(const Tokenizer& tokenizer, const Json& list) {
  const auto owned = list.get<std::vector<std::string>>();
  return tokenizer.tokens_to_string(std::vector<std::string_view>(owned.begin(), owned.end()));
}

TEST(Decoder, gives_the_text_that_the_reference_gives) {
  const Json data = golden();

  ASSERT_GT(data["decoders"].size(), 10U);
  for (const Json& known : data["decoders"]) {
    const auto tokenizer = with_decoder(known["decoder"]);
    ASSERT_TRUE(tokenizer) << tokenizer.error().text();
    for (std::size_t i = 0; i < data["tokens"].size(); ++i) {
      EXPECT_EQ(text_of(**tokenizer, data["tokens"][i]), known["texts"][i].get<std::string>())
          << known["decoder"].dump() << data["tokens"][i].dump();
    }
  }
}

TEST(Decoder, ids_become_the_text_that_the_reference_gives) {
  const Json data = golden();
  const auto tokenizer = Tokenizer::load(golden_path("tiny_bert")).value();

  for (const Json& call : data["decoded"]) {
    const auto ids = call[0].get<std::vector<std::int32_t>>();
    EXPECT_EQ(tokenizer->decode(ids, call[1].get<bool>(), call[2].get<bool>()),
              call[3].get<std::string>())
        << call.dump();
  }
}

TEST(Decoder, spaces_part_the_tokens_where_a_file_names_no_decoder) {
  const auto tokenizer = with_decoder(nullptr).value();

  EXPECT_EQ(text_of(*tokenizer, {"a", "##b", "c"}), "a ##b c");
}

TEST(Decoder, pieces_inside_a_word_and_special_tokens_are_told_apart) {
  const auto tokenizer = Tokenizer::load(golden_path("tiny_bert")).value();

  EXPECT_EQ(tokenizer->continuing_prefix(), "##");
  EXPECT_TRUE(tokenizer->is_special(tokenizer->sep_id().value()));
  EXPECT_FALSE(tokenizer->is_special(-1));
}

TEST(Decoder, what_is_not_done_is_refused_with_its_place) {
  struct Case {
    Json step;
    std::string_view code;
    std::string_view expected;
  };

  const auto replace = [](const char* pattern) {
    return Json{{"type", "Replace"}, {"pattern", {{"Regex", pattern}}}, {"content", "b"}};
  };
  for (const Case& c : {
           Case{{{"type", "Morse"}}, "UNSUPPORTED_TOKENIZER", "/decoder/decoders/0/type"},
           Case{{{"type", "CTC"}}, "BAD_TOKENIZER", "/decoder/decoders/0/pad_token: expected"},
           Case{{{"type", "CTC"}, {"pad_token", "p"}, {"word_delimiter_token", ""}},
                "UNSUPPORTED_TOKENIZER",
                "/decoder/decoders/0/word_delimiter_token: found an empty text"},
           Case{replace("\\K"), "UNSUPPORTED_TOKENIZER", "pattern/Regex: found \\K"},
           Case{replace("(a"), "BAD_TOKENIZER", "pattern/Regex: expected a pattern"},
           Case{{{"type", "Replace"}, {"pattern", nullptr}, {"content", "b"}},
                "BAD_TOKENIZER",
                "/decoder/decoders/0/pattern: expected an object"},
           Case{nullptr, "BAD_TOKENIZER", "/decoder/decoders/0: expected an object"},
       }) {
    const auto tokenizer =
        with_decoder({{"type", "Sequence"}, {"decoders", Json::array({c.step})}});
    ASSERT_FALSE(tokenizer) << c.step.dump();
    EXPECT_EQ(tokenizer.error().code, c.code);
    EXPECT_NE(tokenizer.error().message.find(c.expected), std::string::npos)
        << tokenizer.error().message;
  }
}

TEST(Decoder, a_token_on_which_a_pattern_goes_back_without_end_stays) {
  const auto tokenizer =
      with_decoder({{"type", "Replace"}, {"pattern", {{"Regex", "(a+)+$"}}}, {"content", "b"}})
          .value();
  const std::string hard = std::string(100, 'a') + "c";

  EXPECT_EQ(text_of(*tokenizer, {"aa"}), "b");
  EXPECT_EQ(text_of(*tokenizer, {hard}), hard);
}

}  // namespace
}  // namespace millrace::pipeline
