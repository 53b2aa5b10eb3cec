#include "pipeline/text/model_json.h"

#include "pipeline/text/unigram_json.h"

#include <string>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::pipeline {
namespace {

constexpr std::int32_t kMaxWordChars = 1'000'000;

/// A merge is a pair, or in old files both halves with a space between.
std::pair<std::string, std::string> read_merge(JsonReader& in, const Place& place) {
  if (place.json->is_array() && place.json->size() == 2)
    return {in.text(element(place, 0)), in.text(element(place, 1))};
  const std::string text = in.text(place);
  const std::size_t space = text.find(' ');
  if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos) {
    in.bad(place.pointer, "two tokens", text);
    return {};
  }
  return {text.substr(0, space), text.substr(space + 1)};
}

/// Training drops merges by chance; a run that gives the same result twice cannot.
void refuse_dropout(JsonReader& in, const Place& place) {
  if (!place || (place.json->is_number() && place.json->get<double>() == 0)) return;
  if (!place.json->is_number()) return in.bad(place.pointer, "a number", place.json->type_name());
  in.unsupported(place.pointer, fmt::format("{}", place.json->get<double>()), "0, null");
}

void read_bpe(JsonReader& in, const Place& place, TokenizerSpec& spec) {
  in.only(place,
          {"type",
           "dropout",
           "unk_token",
           "continuing_subword_prefix",
           "end_of_word_suffix",
           "fuse_unk",
           "byte_fallback",
           "ignore_merges",
           "vocab",
           "merges"});
  refuse_dropout(in, in.child(place, "dropout"));
  BpeSpec bpe;
  const Place prefix = in.child(place, "continuing_subword_prefix");
  bpe.prefix = in.optional_text(prefix).value_or("");
  bpe.suffix = in.optional_text(in.child(place, "end_of_word_suffix")).value_or("");
  bpe.unknown_token = in.optional_text(in.child(place, "unk_token"));
  bpe.fuses_unknown = in.flag(in.child(place, "fuse_unk"), false);
  bpe.ignores_merges = in.flag(in.child(place, "ignore_merges"), false);
  const Place fallback = in.child(place, "byte_fallback");
  bpe.falls_back_to_bytes = in.flag(fallback, false);
  // The reference falls back to the bytes of the affixes, too, and loses the places of all tokens.
  if (bpe.falls_back_to_bytes && (!bpe.prefix.empty() || !bpe.suffix.empty()))
    in.unsupported(fallback.pointer,
                   "true",
                   "byte_fallback without continuing_subword_prefix and end_of_word_suffix");
  const Place merges = in.child(place, "merges");
  if (!in.array(merges)) return;
  for (std::size_t i = 0; i < merges.json->size() && in.ok(); ++i)
    bpe.merges.push_back(read_merge(in, element(merges, i)));
  spec.prefix = bpe.prefix;
  spec.bpe = std::move(bpe);
  read_vocabulary(in, in.child(place, "vocab"), spec);
}

void read_word_piece(JsonReader& in, const Place& place, TokenizerSpec& spec) {
  in.only(place,
          {"type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"});
  spec.unknown_token = in.text(in.child(place, "unk_token"));
  spec.prefix = in.text(in.child(place, "continuing_subword_prefix"));
  spec.max_word_chars = static_cast<std::size_t>(
      in.number(in.child(place, "max_input_chars_per_word"), kMaxWordChars));
  read_vocabulary(in, in.child(place, "vocab"), spec);
}

void read_word_level(JsonReader& in, const Place& place, TokenizerSpec& spec) {
  in.only(place, {"type", "unk_token", "vocab"});
  spec.unknown_token = in.text(in.child(place, "unk_token"));
  spec.prefix.clear();
  spec.word_level = true;
  read_vocabulary(in, in.child(place, "vocab"), spec);
}

/// Old files name no type; what else they hold tells their WordPiece and Unigram.
std::string type_of_model(JsonReader& in, const Place& place) {
  const Place type = in.child(place, "type");
  if (type) return in.text(type);
  if (in.child(place, "max_input_chars_per_word")) return "WordPiece";
  const Place vocabulary = in.child(place, "vocab");
  return vocabulary && vocabulary.json->is_array() ? "Unigram" : in.text(type);
}

}  // namespace

void read_model(JsonReader& in, const Place& place, TokenizerSpec& spec) {
  if (!in.object(place)) return;
  const std::string type = type_of_model(in, place);
  if (type == "WordPiece") return read_word_piece(in, place, spec);
  if (type == "BPE") return read_bpe(in, place, spec);
  if (type == "Unigram") return read_unigram(in, place, spec);
  if (type == "WordLevel") return read_word_level(in, place, spec);
  in.unsupported(place.pointer + "/type", type, "WordPiece, BPE, Unigram, WordLevel");
}

void read_vocabulary(JsonReader& in, const Place& place, TokenizerSpec& spec) {
  if (!in.object(place)) return;
  spec.vocabulary.reserve(place.json->size());
  for (const auto& [token, id] : place.json->items()) {
    if (!id.is_number_integer() || id.get<std::int64_t>() < 0 ||
        id.get<std::int64_t>() > kMaxTokenId) {
      in.bad(in.child(place, token).pointer,
             fmt::format("an id from 0 to {}", kMaxTokenId),
             id.type_name());
      return;
    }
    spec.vocabulary.emplace_back(token, id.get<std::int32_t>());
  }
}

}  // namespace millrace::pipeline
