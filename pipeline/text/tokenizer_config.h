#pragma once

#include "config/base/result.h"
#include "pipeline/text/added_tokens.h"
#include "pipeline/text/tokenizer_json.h"

#include <cstddef>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::pipeline {

/// A special token of the settings: a bare text, or with flags of its own.
struct SpecialToken {
  std::string content;
  std::optional<AddedToken> flags;
};

/// What transformers makes of the settings beside tokenizer.json.
struct TokenizerConfig {
  std::string tokenizer_class;  // as transformers names the slow form: without Fast
  /// A class of the BERT family: its constructor overrides the normalizer of tokenizer.json.
  bool bert_family = false;
  /// And a vocab.txt says all that there is to say.
  bool vocabulary_suffices = false;
  /// Or a vocab.json and a merges.txt do.
  bool vocabulary_and_merges_suffice = false;
  /// A class of the RoBERTa family: its constructor overrides how the post-processor trims.
  bool roberta_family = false;
  /// A class of mBART: its constructor overrides the template of tokenizer.json, and puts this
  /// language behind the end of a text, or before the text.
  std::optional<std::string> language;
  bool language_leads = false;
  /// A class whose constructor replaces the post-processor of tokenizer.json: a text stands between
  /// bos_token and eos_token, or one or none of them.
  bool builds_template = false;
  bool adds_bos = false;
  bool adds_eos = false;
  /// What add_prefix_space says, where a class makes its tokenizer anew when it says anything.
  std::optional<bool> must_prefix_space;
  /// A class that writes the end of a word as a space when it decodes, and strips the text (CLIP).
  bool ends_words_with_space = false;
  /// A class that takes text which is cut into words only where add_prefix_space is set.
  bool words_need_space = false;
  bool wants_type_ids = true;
  std::size_t model_max_length = std::numeric_limits<std::size_t>::max();
  std::optional<bool> truncates_left;
  std::optional<bool> pads_left;

  bool do_lower_case = true;
  std::optional<bool> strip_accents;
  bool tokenize_chinese_chars = true;

  bool trims_offsets = true;       // of the RoBERTa family
  bool adds_prefix_space = false;  // overrides the pre-tokenizer of tokenizer.json
  bool cleans_up_spaces = false;   // after decoding

  // Of classes that are built from a SentencePiece file.
  bool keeps_accents = false;
  bool splits_punctuation = false;
  MetaspaceSpec::Prepends prepends = MetaspaceSpec::Prepends::always;
  std::size_t extra_ids = 100;

  // By the names of transformers: unk_token, sep_token, …
  std::map<std::string, SpecialToken, std::less<>> special;
  /// The flags that the class gives to special tokens that are named by a bare text.
  std::map<std::string, AddedToken, std::less<>> bare_flags;
  std::vector<SpecialToken> additional;
  bool names_additional = false;  // the settings do, be it with an empty list
  /// Tokens to add to those of tokenizer.json, by the id they are noted under.
  std::map<std::int32_t, AddedToken> added;

  std::optional<std::string> token(std::string_view name) const;
  /// All special tokens in transformers' order of addition, with the flags of the class where the
  /// settings name none.
  std::vector<SpecialToken> all_special() const;
};

/// The texts of the files; empty where there is none.
struct TokenizerConfigFiles {
  std::string_view tokenizer_config;
  std::string_view special_tokens_map;
  std::string_view added_tokens;
  std::string_view model_config;
};

/// Reads tokenizer_config.json and its neighbours as transformers 4.57 does
/// (tokenization_utils_base.py, _from_pretrained).
///
/// Errors: BAD_JSON … of parse_json, BAD_TOKENIZER (invalid_input), UNSUPPORTED_TOKENIZER
/// (unsupported).
Result<TokenizerConfig> read_tokenizer_config(const TokenizerConfigFiles& files);

}  // namespace millrace::pipeline
