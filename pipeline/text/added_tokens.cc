#include "pipeline/text/added_tokens.h"

#include "config/base/utf8.h"
#include "pipeline/text/unicode_ranges.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <span>

namespace millrace::pipeline {
namespace {

bool holds(std::span<const unicode::Range> ranges, char32_t c) {
  const auto after = std::upper_bound(
      ranges.begin(), ranges.end(), c, [](char32_t value, const unicode::Range& range) {
        return value < range.first;
      });
  return after != ranges.begin() && c <= std::prev(after)->last;
}

bool is_word(char32_t c) { return holds(unicode::word_ranges(), c); }

bool is_space(char32_t c) { return holds(unicode::white_space_ranges(), c); }

std::size_t last_begin(std::string_view text) {
  std::size_t begin = text.size() - 1;
  while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0U) == 0x80U) --begin;
  return begin;
}

bool ends_with_word(std::string_view text) {
  return !text.empty() && is_word(config::decode_utf8(text.substr(last_begin(text))).code_point);
}

bool starts_with_word(std::string_view text) {
  return !text.empty() && is_word(config::decode_utf8(text).code_point);
}

/// Where the white space at the end of a text begins.
std::size_t trailing_space(std::string_view text) {
  while (!text.empty()) {
    const std::size_t begin = last_begin(text);
    if (!is_space(config::decode_utf8(text.substr(begin)).code_point)) break;
    text = text.substr(0, begin);
  }
  return text.size();
}

/// Bytes of white space at the start of a text.
std::size_t leading_space(std::string_view text) {
  std::size_t length = 0;
  while (length < text.size()) {
    const config::Decoded next = config::decode_utf8(text.substr(length));
    if (!is_space(next.code_point)) break;
    length += next.length;
  }
  return length;
}

}  // namespace

void AddedVocabulary::add(const AddedToken& token) {
  if (token.content.empty()) return;
  const bool known_special = special_contents_.contains(token.content);
  if (token.special && !known_special) {
    special_.push_back(token);
    special_contents_.insert(token.content);
  }
  const auto known = ids_.find(token.content);
  if (known != ids_.end() && by_id_.at(known->second) == token) return;
  std::optional<std::int32_t> id = id_of(token.content);
  if (!id) {
    id = static_cast<std::int32_t>(model_size_);
    if (!by_id_.empty()) id = std::max(*id, by_id_.rbegin()->first + 1);
  }
  ids_[token.content] = *id;
  by_id_[*id] = token;
  if (!token.special && !known_special) plain_.push_back(token);
}

std::optional<std::int32_t> AddedVocabulary::id_of(std::string_view content) const {
  const auto found = ids_.find(content);
  return found != ids_.end() ? std::optional(found->second) : model_id_(content);
}

std::vector<AddedToken> AddedVocabulary::patterns() const {
  std::vector<AddedToken> all = special_;
  all.insert(all.end(), plain_.begin(), plain_.end());
  return all;
}

Result<AddedTokenFinder> AddedTokenFinder::build(
    const std::vector<std::pair<std::string, std::int32_t>>& patterns,
    const std::map<std::int32_t, AddedToken>& tokens) {
  AddedTokenFinder finder;
  std::vector<std::pair<std::string_view, std::int32_t>> keys;
  std::set<std::string_view> seen;
  for (const auto& [bytes, id] : patterns) {
    if (!seen.insert(bytes).second) continue;
    keys.emplace_back(bytes, id);
    finder.begins_[static_cast<unsigned char>(bytes.front())] = true;
    const AddedToken& token = tokens.at(id);
    finder.tokens_[id] = {token.single_word, token.lstrip, token.rstrip};
  }
  if (std::count(finder.begins_.begin(), finder.begins_.end(), true) == 1)
    finder.only_begin_ = patterns.front().first.front();
  auto trie = ByteTrie::build(std::move(keys));
  if (!trie)
    return error(Errc::unsupported,
                 "UNSUPPORTED_TOKENIZER",
                 "the added tokens need more than 4 million trie nodes");
  finder.trie_ = *std::move(trie);
  return finder;
}

std::size_t AddedTokenFinder::next_candidate(std::string_view text, std::size_t from) const {
  if (only_begin_) return std::min(text.find(*only_begin_, from), text.size());
  while (from < text.size() && !begins_[static_cast<unsigned char>(text[from])]) ++from;
  return from;
}

void AddedTokenFinder::split(std::string_view text, std::vector<Stretch>& out) const {
  std::size_t done = 0;
  std::size_t at = empty() ? text.size() : next_candidate(text, 0);
  while (at < text.size()) {
    const ByteTrie::Match match = trie_.longest(text.substr(at));
    if (match.length == 0) {
      at = next_candidate(text, at + 1);
      continue;
    }
    const std::size_t stop = at + match.length;
    const Flags& flags = tokens_.find(match.value)->second;
    std::size_t begin = at;
    std::size_t end = stop;
    // The search goes on behind the match, whether it counts or not and whatever it takes of the
    // white space.
    at = next_candidate(text, stop);
    const bool beside_word =
        ends_with_word(text.substr(0, begin)) || starts_with_word(text.substr(end));
    if (flags.single_word && beside_word) continue;
    if (flags.lstrip) begin = std::max(trailing_space(text.substr(0, begin)), done);
    if (flags.rstrip) end += leading_space(text.substr(end));
    if (done < begin) out.push_back({-1, done, begin});
    out.push_back({match.value, begin, end});
    done = end;
  }
  if (done < text.size()) out.push_back({-1, done, text.size()});
}

}  // namespace millrace::pipeline
