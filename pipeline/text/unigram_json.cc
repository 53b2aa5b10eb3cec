#include "pipeline/text/unigram_json.h"

#include <cmath>
#include <map>
#include <string>
#include <string_view>
#include <utility>

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
  // Of equal pieces the last counts.
  std::map<std::string_view, std::int32_t> ids;
  for (std::size_t id = 0; id < unigram.pieces.size(); ++id)
    ids[unigram.pieces[id]] = static_cast<std::int32_t>(id);
  for (const auto& [piece, id] : ids) spec.vocabulary.emplace_back(piece, id);
  spec.prefix.clear();
  spec.unigram = std::move(unigram);
}

}  // namespace millrace::pipeline
