#include "pipeline/text/character_bpe.h"

#include "config/base/utf8.h"

#include <algorithm>

#include <fmt/format.h>

namespace millrace::pipeline {
namespace {

/// The one character between two affixes of a token.
std::optional<char32_t> between(std::string_view token,
                                std::string_view prefix,
                                std::string_view suffix) {
  if (token.size() <= prefix.size() + suffix.size() || !token.starts_with(prefix) ||
      !token.ends_with(suffix))
    return std::nullopt;
  token.remove_prefix(prefix.size());
  token.remove_suffix(suffix.size());
  const config::Decoded first = config::decode_utf8(token);
  if (first.length != token.size()) return std::nullopt;
  return first.code_point;
}

}  // namespace

CharacterBpe::CharacterBpe(const Vocabulary& vocabulary,
                           const std::vector<BpeMerges::Merge>& merges,
                           const Options& options)
    : merges_(merges),
      names_unknown_(options.unknown_token.has_value()),
      fuses_unknown_(options.fuses_unknown),
      falls_back_to_bytes_(options.falls_back_to_bytes) {
  const auto note = [&](Place place, std::string_view prefix, std::string_view suffix) {
    for (const auto& [token, id] : vocabulary) {
      if (const auto c = between(token, prefix, suffix)) characters_[place].emplace(*c, id);
    }
  };
  note(whole, "", options.suffix);
  note(begins, "", "");
  note(inside, options.prefix, "");
  note(ends, options.prefix, options.suffix);
  for (unsigned byte = 0; byte < bytes_.size(); ++byte) {
    const auto found = vocabulary.find(fmt::format("<0x{:02X}>", byte));
    bytes_[byte] = found != vocabulary.end() ? found->second : -1;
  }
  if (options.knows_words) words_.insert(vocabulary.begin(), vocabulary.end());
  if (!options.unknown_token) return;
  const auto unknown = vocabulary.find(*options.unknown_token);
  if (unknown != vocabulary.end()) unknown_id_ = unknown->second;
}

bool CharacterBpe::put_bytes(std::string_view character,
                             std::size_t& end,
                             std::vector<BpePiece>& pieces) const {
  const auto id = [&](char c) { return bytes_[static_cast<unsigned char>(c)]; };
  if (std::any_of(character.begin(), character.end(), [&](char c) { return id(c) < 0; }))
    return false;
  for (const char c : character) pieces.push_back({id(c), ++end});
  return true;
}

bool CharacterBpe::cut(std::string_view word, std::vector<BpePiece>& pieces) const {
  pieces.clear();
  if (!words_.empty()) {
    if (const auto found = words_.find(std::string(word)); found != words_.end()) {
      pieces.push_back({found->second, word.size()});
      return true;
    }
  }
  std::size_t end = 0;      // of the pieces so far
  std::size_t unknown = 0;  // bytes that wait to become an unknown token
  // The reference lets them wait for a character that it knows, and puts bytes before them.
  const auto flush = [&] {
    if (unknown > 0) pieces.push_back({*unknown_id_, end += std::exchange(unknown, 0)});
  };
  for (std::size_t at = 0; at < word.size();) {
    const config::Decoded next = config::decode_utf8(word.substr(at));
    const bool last = at + next.length == word.size();
    const Place place = at == 0 ? (last ? whole : begins) : (last ? ends : inside);
    const std::string_view character = word.substr(at, next.length);
    at += next.length;
    const auto found = characters_[place].find(next.code_point);
    if (found != characters_[place].end()) {
      flush();
      pieces.push_back({found->second, end += character.size()});
      continue;
    }
    if (falls_back_to_bytes_ && put_bytes(character, end, pieces)) continue;
    if (!names_unknown_) continue;
    if (!unknown_id_) return false;
    if (!fuses_unknown_) flush();
    unknown += character.size();
  }
  flush();
  merges_.join(pieces);
  return true;
}

}  // namespace millrace::pipeline
