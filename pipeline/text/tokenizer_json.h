#pragma once

#include "config/base/result.h"
#include "pipeline/text/added_tokens.h"
#include "pipeline/text/decoder.h"
#include "pipeline/text/normalizer.h"
#include "pipeline/text/normalizer_steps.h"
#include "pipeline/text/pre_tokenizer_steps.h"
#include "pipeline/text/template.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::pipeline {

/// The highest id that a vocabulary may use: far above any model, low enough for a table over all
/// ids.
inline constexpr std::int32_t kMaxTokenId = (1 << 24) - 1;

/// BertNormalizer as a file states it; strip_accents without a value follows lowercase.
struct BertNormalizerSpec {
  bool clean_text = true;
  bool handle_chinese_chars = true;
  std::optional<bool> strip_accents;
  bool lowercase = true;

  NormalizerOptions options() const {
    return {clean_text, handle_chinese_chars, strip_accents.value_or(lowercase), lowercase};
  }
};

/// BPE as a file states it.
struct BpeSpec {
  std::optional<std::string> unknown_token;
  std::string prefix;  // of a piece inside of a word
  std::string suffix;  // of the last piece of a word
  bool fuses_unknown = false;
  bool falls_back_to_bytes = false;
  bool ignores_merges = false;
  std::vector<std::pair<std::string, std::string>> merges;
};

/// Unigram as a file states it (XLM-RoBERTa, CamemBERT, ALBERT, DeBERTa, T5). A piece's id is its
/// place.
struct UnigramSpec {
  std::vector<std::string> pieces;
  std::vector<double> scores;
  std::optional<std::int32_t> unknown_id;
  bool falls_back_to_bytes = false;
};

/// A template of tokens that need not be in the vocabulary before the settings' tokens are added:
/// begin A end, and begin A end (end) B end. All of type 0, but for B and the last end.
struct NamedTemplate {
  std::string begin;  // empty: none
  std::string end;
  bool ends_twice = false;
  std::int32_t second_type = 0;
};

/// What a tokenizer.json says.
struct TokenizerSpec {
  std::optional<BertNormalizerSpec> normalizer;         // where it is the only one
  std::vector<NormalizerSteps::Step> normalizer_steps;  // else
  std::vector<PreTokenizerSteps::Step> steps;
  bool may_add_prefix_space = false;   // the pre-tokenizer is one ByteLevel: the settings decide
  std::optional<BpeSpec> bpe;          // instead of WordPiece
  std::optional<UnigramSpec> unigram;  // instead of WordPiece
  bool word_level = false;             // instead of WordPiece
  bool may_trim_offsets = false;       // the post-processor knows of it
  std::optional<bool> trims_offsets;   // and does: whether a prefix space was added

  std::vector<std::pair<std::string, std::int32_t>> vocabulary;  // no token twice
  std::string unknown_token = "[UNK]";
  std::string prefix = "##";
  std::size_t max_word_chars = 100;

  std::vector<TemplatePiece> single;
  std::vector<TemplatePiece> pair;
  std::optional<NamedTemplate> named_template;  // instead of them

  std::vector<Decoder::Step> decoder = {Decoder::WordPiece{}};

  std::vector<AddedToken> added;

  // State of the last call of whoever saved the file; the sides are defaults for
  // tokenizer_config.json.
  bool truncates_left = false;
  bool pads_left = false;
};

/// Reads tokenizer.json. Every key is either understood or refused with its JSON Pointer.
///
/// Errors: BAD_JSON … of parse_json, BAD_TOKENIZER (invalid_input), UNSUPPORTED_TOKENIZER
/// (unsupported).
Result<TokenizerSpec> read_tokenizer_json(std::string_view text);

/// Builds what transformers' BertConverter builds from a vocab.txt: one token a line, the line's
/// number is the id.
///
/// cls, sep: the tokens of the template. Errors: BAD_UTF8, BAD_TOKENIZER.
Result<TokenizerSpec> read_vocab_txt(std::string_view text,
                                     const std::string& cls,
                                     const std::string& sep,
                                     const std::string& unknown);

/// Builds what transformers' converters of RoBERTa, BART and GPT-2 build from a vocab.json (token
/// to id) and a merges.txt (two tokens a line, after a line that names the version).
///
/// cls, sep: the tokens of RoBERTa's template; none: GPT-2's, which adds nothing. Errors: BAD_JSON
/// … of parse_json, BAD_UTF8, BAD_TOKENIZER.
Result<TokenizerSpec> read_vocab_and_merges(std::string_view vocab_json,
                                            std::string_view merges_txt,
                                            const std::optional<std::string>& cls,
                                            const std::optional<std::string>& sep);

}  // namespace millrace::pipeline
