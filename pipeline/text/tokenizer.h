#pragma once

#include "config/base/result.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::pipeline {

/// Code points begin … end (not included) of the text as it was given, before any normalisation.
struct Offset {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;

  friend bool operator==(const Offset&, const Offset&) = default;
};

struct Tokens;

/// A text or a pair as the model reads it. All vectors that are filled are as long as `ids`.
struct Encoding {
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t> type_ids;

  // The next four are filled when EncodeOptions::want_offsets says so.
  std::vector<Offset> offsets;             // (0, 0) for the special tokens of the template
  std::vector<std::uint8_t> special_mask;  // 1 for the special tokens of the template
  std::vector<std::int32_t> sequence;      // 0 first text, 1 second text, -1 template
  std::vector<std::int32_t> words;         // number of the word in its text, -1 template

  /// Truncation dropped at least one token.
  bool truncated = false;
  /// The further windows over what was dropped, when EncodeOptions::want_overflow says so.
  std::vector<Encoding> overflowing;
};

/// How to cut what is too long. Source: tokenizers 0.22.2, utils/truncation.rs.
struct Truncation {
  enum class Strategy : std::uint8_t { longest_first, only_first, only_second };
  enum class Side : std::uint8_t { right, left };  // where tokens are dropped

  /// Tokens, those of the template included.
  std::size_t max_length = std::numeric_limits<std::size_t>::max();
  Strategy strategy = Strategy::longest_first;
  /// Tokens that a window repeats of the one before it.
  std::size_t stride = 0;
  Side side = Side::right;
};

struct EncodeOptions {
  bool add_special_tokens = true;
  /// Read special tokens written in the text, such as [MASK], as tokens; else as the text they are.
  bool parse_special = true;
  /// Empty: nothing is cut.
  std::optional<Truncation> truncation = std::nullopt;
  /// Also give offsets, special_mask, sequence and words.
  bool want_offsets = false;
  /// Also give what truncation dropped, as further windows.
  bool want_overflow = false;
};

/// Turns text into ids as the tokenizer.json of a checkpoint says: WordPiece, BPE, Unigram or
/// WordLevel after any of the reference's normalizers and pre-tokenizers.
///
/// Thread-safe: nothing changes after load(). Memory per call comes from a scratch buffer of the
/// calling thread.
class Tokenizer {
 public:
  /// Reads tokenizer.json with tokenizer_config.json and special_tokens_map.json. Where there is
  /// only the SentencePiece file of the class, a vocab.json with a merges.txt, or a vocab.txt,
  /// builds what transformers builds from it.
  ///
  /// Errors: NO_FILE (not_found); BAD_JSON, BAD_TOKENIZER (invalid_input) for a damaged file;
  /// UNSUPPORTED_TOKENIZER (unsupported) for what is understood and not done. The message names the
  /// file and the JSON Pointer.
  static Result<std::unique_ptr<Tokenizer>> load(const std::string& folder);

  /// The same from texts: `tokenizer_json` as in the file; `config_json`, tokenizer_config.json,
  /// may be empty.
  static Result<std::unique_ptr<Tokenizer>> parse(std::string_view tokenizer_json,
                                                  std::string_view config_json);

  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;
  ~Tokenizer();

  /// Encodes one text.
  ///
  /// Errors (invalid_input): BAD_UTF8; TOO_LARGE; UNKNOWN_TEXT when something is unknown and there
  /// is no token for that; BAD_TOKENIZER when a pattern takes too many steps; BAD_TRUNCATION when
  /// the truncation leaves no room (max_length below the specials, stride not below the window,
  /// only_second without a second text, "too short" to be cut that far).
  Result<Encoding> encode(std::string_view text, const EncodeOptions& options = {}) const;

  /// Encodes two texts that the model reads together. Errors as encode().
  Result<Encoding> encode_pair(std::string_view first,
                               std::string_view second,
                               const EncodeOptions& options = {}) const;

  /// Cuts one text into tokens for join(), which may take them any number of times. Errors as
  /// encode().
  Result<std::shared_ptr<const Tokens>> tokens_of(std::string_view text,
                                                  const EncodeOptions& options = {}) const;

  /// Gives what encode_pair() gives for the texts that the tokens are of. options: those of
  /// tokens_of(). Errors: BAD_TRUNCATION.
  Result<Encoding> join(const Tokens& first,
                        const Tokens& second,
                        const EncodeOptions& options = {}) const;

  /// Encodes a text that is cut into words already. The offsets of a token are those in its word,
  /// `words` holds the number of the word. Errors as encode(), and UNSUPPORTED_TOKENIZER
  /// (unsupported) where takes_words() says no.
  Result<Encoding> encode_words(std::span<const std::string_view> words,
                                const EncodeOptions& options = {}) const;

  /// Encodes two texts of words that the model reads together; `words` counts the words of each
  /// from 0. Errors as encode_words().
  Result<Encoding> encode_word_pair(std::span<const std::string_view> first,
                                    std::span<const std::string_view> second,
                                    const EncodeOptions& options = {}) const;

  /// Says whether text that is cut into words can be encoded: classes that put a space before the
  /// first word refuse it unless add_prefix_space is set, as in transformers.
  bool takes_words() const;

  /// Returns one more than the highest id, added tokens included.
  std::size_t vocab_size() const;
  std::optional<std::int32_t> token_to_id(std::string_view token) const;
  /// Returns the token of an id, empty for an unknown id. Lives as long as the tokenizer.
  std::string_view id_to_token(std::int32_t id) const;

  /// Says whether decode() leaves this id out when special tokens are skipped.
  bool is_special(std::int32_t id) const;
  /// Returns what a piece inside a word begins with ("##"), nothing where pieces bear no such mark.
  std::optional<std::string_view> continuing_prefix() const;

  /// Turns ids into text; unknown ids are left out.
  ///
  /// clean_up: no spaces before punctuation and English contractions; without a value as
  /// tokenizer_config.json says. Source: transformers 4.57, decode().
  std::string decode(std::span<const std::int32_t> ids,
                     bool skip_special_tokens,
                     std::optional<bool> clean_up = std::nullopt) const;
  /// Turns tokens into text as the decoder says, without the clean-up of decode().
  std::string tokens_to_string(std::span<const std::string_view> tokens) const;

  /// Tokens that the template adds to one text, or to a pair.
  std::size_t special_tokens(bool pair) const;

  /// The longest input in tokens by tokenizer_config.json; the maximum of the type where there is
  /// no limit.
  std::size_t model_max_length() const;
  /// Where tokenizer_config.json wants tokens dropped.
  Truncation::Side truncation_side() const;
  bool pads_left() const;
  /// Whether the model takes type_ids (DistilBERT does not).
  bool wants_type_ids() const;

  std::optional<std::int32_t> cls_id() const;
  std::optional<std::int32_t> sep_id() const;
  std::optional<std::int32_t> pad_id() const;
  std::optional<std::int32_t> unk_id() const;
  std::optional<std::int32_t> mask_id() const;

 private:
  struct Parts;
  explicit Tokenizer(std::unique_ptr<const Parts> parts);

  std::unique_ptr<const Parts> parts_;
};

}  // namespace millrace::pipeline
