#pragma once

#include "pipeline/text/added_tokens.h"
#include "pipeline/text/bpe.h"
#include "pipeline/text/byte_level_splitter.h"
#include "pipeline/text/character_bpe.h"
#include "pipeline/text/decoder.h"
#include "pipeline/text/normalizer.h"
#include "pipeline/text/normalizer_steps.h"
#include "pipeline/text/pre_tokenizer.h"
#include "pipeline/text/pre_tokenizer_steps.h"
#include "pipeline/text/template.h"
#include "pipeline/text/tokenizer.h"
#include "pipeline/text/tokenizer_config.h"
#include "pipeline/text/tokenizer_json.h"
#include "pipeline/text/unigram.h"
#include "pipeline/text/word_level.h"
#include "pipeline/text/wordpiece.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace millrace::pipeline {

/// What takes the place of pre-tokenizer and model in SentencePiece's families.
struct SentencePiece {
  MetaspaceSpec metaspace;
  bool splits_white_space_first;
  PreTokenizer white_space;
  Unigram model;
};

/// The stages that a text passes, in this order, and the names of the tokens. For the sources of
/// Tokenizer only.
struct Tokenizer::Parts {
  /// The added tokens to look for.
  struct Finders {
    AddedTokenFinder raw;         // tokens with normalized: false
    AddedTokenFinder normalized;  // those with true
  };

  /// What takes the place of pre_tokenizer and model in the byte-level family.
  struct ByteLevel {
    bool adds_prefix_space;
    ByteLevelSplitter splitter;
    Bpe model;
  };

  /// What takes the place of pre_tokenizer and model where no faster way does the same.
  struct Stepped {
    PreTokenizerSteps splitter;
    std::variant<WordPiece, Bpe, CharacterBpe, Unigram, WordLevel> model;
  };

  Normalizer normalizer;                 // BertNormalizer, or nothing
  std::optional<NormalizerSteps> steps;  // instead of it
  Finders all_added;
  Finders plain_added;  // all but the special ones, for texts that must not hold any
  PreTokenizer pre_tokenizer;
  WordPiece model;
  std::optional<ByteLevel> byte_level;
  std::optional<SentencePiece> sentence_piece;
  std::optional<Stepped> stepped;
  Template post;
  Decoder decoder;
  TokenizerConfig config;

  std::map<std::string, std::int32_t, std::less<>> ids;
  std::vector<std::string> tokens;
  std::set<std::int32_t> special;  // ids of the special tokens
  std::string prefix;              // of a piece inside a word
  std::string suffix;              // of the last piece of a word, where it becomes a space

  struct Cutting;
  static Result<Cutting> cut_as_bpe(TokenizerSpec& spec, const CharacterBpe::Vocabulary& ids);
  static Result<Cutting> cut_as_unigram(TokenizerSpec& spec, const CharacterBpe::Vocabulary& ids);
  static Result<Cutting> cut_as_word_piece(TokenizerSpec& spec,
                                           const CharacterBpe::Vocabulary& ids);
  static Result<Cutting> build_cutting(TokenizerSpec& spec, const CharacterBpe::Vocabulary& ids);
  static Result<std::unique_ptr<const Parts>> build(TokenizerSpec spec, TokenizerConfig config);
  static Result<std::unique_ptr<Tokenizer>> assemble(Result<TokenizerSpec> spec,
                                                     TokenizerConfig config);

  static Result<std::unique_ptr<Tokenizer>> load_vocab_and_merges(const std::filesystem::path& root,
                                                                  TokenizerConfig config);
  static Result<std::unique_ptr<Tokenizer>> load_sentencepiece(const std::filesystem::path& root,
                                                               const std::string& file,
                                                               TokenizerConfig config);

  /// Normalises a piece of a text whose first code point has the number `first`. Returns false when
  /// a pattern takes too many steps.
  [[nodiscard]] bool normalize(std::string_view piece,
                               std::uint32_t first,
                               Origins origins,
                               Normalized& out) const {
    if (steps) return steps->normalize(piece, first, out);
    normalizer.normalize(piece, first, origins, out);
    return true;
  }

  std::optional<std::int32_t> id_of(std::string_view token) const {
    const auto found = ids.find(token);
    return found != ids.end() ? std::optional(found->second) : std::nullopt;
  }

  std::optional<std::int32_t> special_id(std::string_view name) const {
    const auto token = config.token(name);
    return token ? id_of(*token) : std::nullopt;
  }

  bool takes_words() const { return config.adds_prefix_space || !config.words_need_space; }

  class Run;
};

}  // namespace millrace::pipeline
