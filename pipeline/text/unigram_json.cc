#include "pipeline/text/unigram_json.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::pipeline {
void read_unigram(JsonReader& in, const Place& place, TokenizerSpec& spec) {
  in.only(place, {"type", "unk_id", "vocab", "byte_fallback"});
  UnigramSpec unigram;
  unigram.falls_back_to_bytes = in.flag(in.child(place, "byte_fallback"), false);
  const Place vocabulary = in.child(place, "vocab");
  if (!in.array(vocabulary)) return;
  if (vocabulary.json->size() > static_cast<std::size_t>(kMaxTokenId) + 1)
    return in.bad(vocabulary.pointer,
                  fmt::format("at most {} pieces", kMaxTokenId + 1),
                  fmt::format("{}", vocabulary.json->size()));
  for (const auto& piece : *vocabulary.json) {
    const std::size_t id = unigram.pieces.size();
    const bool right = piece.is_array() && piece.size() == 2 && piece[0].is_string() &&
                       piece[1].is_number() && std::isfinite(piece[1].get<double>());
    if (!right)
      return in.bad(fmt::format("{}/{}", vocabulary.pointer, id),
                    "a piece and its score",
                    piece.is_array() ? "other values" : piece.type_name());
    unigram.pieces.push_back(piece[0].get<std::string>());
    unigram.scores.push_back(piece[1].get<double>());
  }
  if (const Place unknown = in.child(place, "unk_id")) {
    if (unigram.pieces.empty()) return in.bad(vocabulary.pointer, "pieces", "none");
    unigram.unknown_id = in.number(unknown, static_cast<std::int32_t>(unigram.pieces.size()) - 1);
  }
  set_unigram(std::move(unigram), spec);
}

void set_unigram(UnigramSpec unigram, TokenizerSpec& spec) {
  std::vector<std::pair<std::string_view, std::int32_t>> ids;
  ids.reserve(unigram.pieces.size());
  for (const std::string& piece : unigram.pieces)
    ids.emplace_back(piece, static_cast<std::int32_t>(ids.size()));
  std::sort(ids.begin(), ids.end());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const bool last = i + 1 == ids.size() || ids[i].first != ids[i + 1].first;
    if (last) spec.vocabulary.emplace_back(ids[i].first, ids[i].second);
  }
  spec.prefix.clear();
  spec.unigram = std::move(unigram);
}

}  // namespace millrace::pipeline
