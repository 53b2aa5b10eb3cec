#pragma once

#include "config/base/result.h"
#include "pipeline/text/byte_trie.h"
#include "pipeline/text/normalizer.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::pipeline {

/// A token that is found in the text before the model sees it.
struct AddedToken {
  std::string content;
  bool single_word = false;  // only where no word character is beside it
  bool lstrip = false;       // takes the white space on its left
  bool rstrip = false;       // takes the white space on its right
  bool normalized = true;    // looked for in the normalised text, itself normalised
  bool special = false;

  friend bool operator==(const AddedToken&, const AddedToken&) = default;
};

/// Gives added tokens their ids. Source: tokenizers 0.22.2, tokenizer/added_vocabulary.rs,
/// add_tokens.
class AddedVocabulary {
 public:
  /// `model_id`: the id of a token in the vocabulary of the model, which has `model_size` entries.
  AddedVocabulary(std::function<std::optional<std::int32_t>(std::string_view)> model_id,
                  std::size_t model_size)
      : model_id_(std::move(model_id)), model_size_(model_size) {}

  /// Adds a token. One of the same content keeps its id and where it is looked for (normalized,
  /// special); the other flags are those of the last.
  void add(const AddedToken& token);

  bool holds(std::string_view content) const { return ids_.contains(content); }

  std::optional<std::int32_t> id_of(std::string_view content) const;

  const std::map<std::int32_t, AddedToken>& by_id() const { return by_id_; }

  /// The tokens to look for: special ones first, each in the order of addition.
  std::vector<AddedToken> patterns() const;

 private:
  std::function<std::optional<std::int32_t>(std::string_view)> model_id_;
  std::size_t model_size_;
  std::map<std::string, std::int32_t, std::less<>> ids_;
  std::map<std::int32_t, AddedToken> by_id_;
  std::vector<AddedToken> special_;
  std::set<std::string> special_contents_;
  std::vector<AddedToken> plain_;
};

/// A stretch of text: an added token, or what lies between (id -1).
struct Stretch {
  std::int32_t id = -1;
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// Finds added tokens in a text: leftmost first, the longest of those that begin there.
/// Thread-safe.
class AddedTokenFinder {
 public:
  /// Finds nothing.
  AddedTokenFinder() = default;

  /// patterns: the bytes to find and the id they stand for; the first of equal ones wins. `tokens`
  /// gives the flags of an id. Errors (unsupported): UNSUPPORTED_TOKENIZER for too many tokens.
  static Result<AddedTokenFinder> build(
      const std::vector<std::pair<std::string, std::int32_t>>& patterns,
      const std::map<std::int32_t, AddedToken>& tokens);

  bool empty() const { return tokens_.empty(); }

  /// Appends the stretches that make up a text; nothing for an empty text.
  void split(std::string_view text, std::vector<Stretch>& out) const;

 private:
  std::size_t next_candidate(std::string_view text, std::size_t from) const;

  struct Flags {
    bool single_word;
    bool lstrip;
    bool rstrip;
  };

  ByteTrie trie_;
  std::map<std::int32_t, Flags> tokens_;
  std::array<bool, 256> begins_{};
  std::optional<char> only_begin_;  // when all tokens begin with the same byte
};

}  // namespace millrace::pipeline
