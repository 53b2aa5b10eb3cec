#include "pipeline/text/unigram_json.h"

#include "config/base/utf8.h"

#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::pipeline {
namespace {

using Steps = NormalizerSteps;

Place element(const Place& array, std::size_t index) {
  return {&(*array.json)[index], fmt::format("{}/{}", array.pointer, index)};
}

std::u32string code_points(std::string_view text) {
  std::u32string out;
  while (!text.empty()) {
    const config::Decoded next = config::decode_utf8(text);
    out += next.code_point;
    text.remove_prefix(next.length);
  }
  return out;
}

/// What a normalizer puts into a text. A longer one would only serve to fill the memory.
std::u32string content(JsonReader& in, const Place& place) {
  constexpr std::size_t kMost = 64;
  std::u32string read = code_points(in.text(place));
  if (read.size() > kMost) {
    in.unsupported(
        place.pointer, fmt::format("{} characters", read.size()), fmt::format("at most {}", kMost));
  }
  return read;
}

/// Bytes of base64 with padding (RFC 4648); nothing when it is not that.
std::optional<std::string> from_base64(std::string_view text) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() % 4 != 0) return std::nullopt;
  for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
  std::string bytes;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const std::size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = (bits << 6U) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(static_cast<unsigned char>((bits >> count) & 0xFFU));
  }
  return bytes;
}

void read_charsmap(JsonReader& in, const Place& place, std::vector<Steps::Step>& steps) {
  in.only(place, {"type", "precompiled_charsmap"});
  const Place map = in.child(place, "precompiled_charsmap");
  const std::string text = in.optional_text(map).value_or("");
  if (text.empty()) return;  // maps nothing
  const auto bytes = from_base64(text);
  auto read = bytes ? Charsmap::read(*bytes) : std::nullopt;
  if (!read) return in.bad(map.pointer, "a SentencePiece character map in base64", "other bytes");
  steps.emplace_back(*std::move(read));
}

void read_replace(JsonReader& in, const Place& place, std::vector<Steps::Step>& steps) {
  in.only(place, {"type", "pattern", "content"});
  const std::u32string with = content(in, in.child(place, "content"));
  const Place pattern = in.child(place, "pattern");
  if (!in.object(pattern)) return;
  if (const Place regex = in.child(pattern, "Regex")) {
    const std::string text = in.text(regex);
    if (text != " {2,}") return in.unsupported(regex.pointer, text, "\" {2,}\", String");
    steps.emplace_back(Steps::ReplaceSpaces{with});
    return;
  }
  const Place text = in.child(pattern, "String");
  const std::u32string wanted = code_points(in.text(text));
  if (wanted.empty())
    return in.unsupported(text.pointer, "an empty text", "a text of at least a character");
  steps.emplace_back(Steps::Replace{wanted, with});
}

void read_step(JsonReader& in, const Place& place, std::vector<Steps::Step>& steps) {
  const std::string type = in.text(in.child(place, "type"));
  if (type == "Precompiled") return read_charsmap(in, place, steps);
  if (type == "Replace") return read_replace(in, place, steps);
  if (type == "Strip") {
    in.only(place, {"type", "strip_left", "strip_right"});
    steps.emplace_back(Steps::Strip{.left = in.flag(in.child(place, "strip_left"), true),
                                    .right = in.flag(in.child(place, "strip_right"), true)});
    return;
  }
  if (type == "Prepend") {
    in.only(place, {"type", "prepend"});
    steps.emplace_back(Steps::Prepend{content(in, in.child(place, "prepend"))});
    return;
  }
  in.only(place, {"type"});
  if (type == "NFD") {
    steps.emplace_back(Steps::Decompose{});
  } else if (type == "NFKD") {
    steps.emplace_back(Steps::DecomposeCompatibly{});
  } else if (type == "NFC") {
    steps.emplace_back(Steps::Compose{});
  } else if (type == "NFKC") {
    steps.emplace_back(Steps::ComposeCompatibly{});
  } else if (type == "StripAccents") {
    steps.emplace_back(Steps::StripAccents{});
  } else if (type == "Lowercase") {
    steps.emplace_back(Steps::Lowercase{});
  } else if (type == "Nmt") {
    steps.emplace_back(Steps::Nmt{});
  } else {
    in.unsupported(place.pointer + "/type",
                   type,
                   "Precompiled, Replace, Strip, Prepend, NFC, NFD, NFKC, NFKD, StripAccents, "
                   "Lowercase, Nmt, Sequence of these, null before Unigram and BPE");
  }
}

void read_steps(JsonReader& in, const Place& place, std::vector<Steps::Step>& steps) {
  if (!in.object(place)) return;
  if (in.text(in.child(place, "type")) != "Sequence") return read_step(in, place, steps);
  in.only(place, {"type", "normalizers"});
  const Place list = in.child(place, "normalizers");
  if (!in.array(list)) return;
  for (std::size_t i = 0; i < list.json->size() && in.ok(); ++i)
    read_steps(in, element(list, i), steps);
}

MetaspaceSpec read_metaspace(JsonReader& in, const Place& place) {
  in.only(place, {"type", "replacement", "prepend_scheme", "add_prefix_space", "split", "str_rep"});
  MetaspaceSpec metaspace;
  const Place replacement = in.child(place, "replacement");
  metaspace.replacement = in.text(replacement);
  if (config::count_code_points(metaspace.replacement) != 1)
    in.bad(replacement.pointer, "one character", metaspace.replacement);
  const Place prefix = in.child(place, "add_prefix_space");  // of old files
  const bool adds = in.flag(prefix, true);
  const Place scheme = in.child(place, "prepend_scheme");
  const std::string name = in.optional_text(scheme).value_or(adds ? "always" : "never");
  if (name == "always") {
    metaspace.prepends = MetaspaceSpec::Prepends::always;
  } else if (name == "first") {
    metaspace.prepends = MetaspaceSpec::Prepends::first;
  } else if (name == "never") {
    metaspace.prepends = MetaspaceSpec::Prepends::never;
  } else {
    in.bad(scheme.pointer, "always, first or never", name);
  }
  if (scheme && prefix && adds != (name != "never"))
    in.unsupported(prefix.pointer, adds ? "true" : "false", "what prepend_scheme says");
  metaspace.splits = in.flag(in.child(place, "split"), true);
  return metaspace;
}

}  // namespace

std::vector<Steps::Step> read_normalizer_steps(JsonReader& in, const Place& place) {
  std::vector<Steps::Step> steps;
  if (place) read_steps(in, place, steps);
  return steps;
}

MetaspaceSpec read_metaspace_splitter(JsonReader& in, const Place& place) {
  if (!in.object(place)) return {};
  constexpr std::string_view kSupported =
      "Metaspace, Sequence of WhitespaceSplit and Metaspace before Unigram";
  const Place type = in.child(place, "type");
  const std::string name = in.text(type);
  if (name == "Metaspace") return read_metaspace(in, place);
  const Place list = in.child(place, "pretokenizers");
  if (name != "Sequence" || !in.array(list)) {
    in.unsupported(type.pointer, name, kSupported);
    return {};
  }
  in.only(place, {"type", "pretokenizers"});
  MetaspaceSpec metaspace;
  bool splits_first = false;
  for (std::size_t i = 0; i < list.json->size() && in.ok(); ++i) {
    const Place step = element(list, i);
    if (!in.object(step)) return metaspace;
    const std::string part = in.text(in.child(step, "type"));
    const bool last = i + 1 == list.json->size();
    if (part == "WhitespaceSplit" && !last) {
      in.only(step, {"type"});
      splits_first = true;
    } else if (part == "Metaspace" && last) {
      metaspace = read_metaspace(in, step);
    } else {
      in.unsupported(step.pointer + "/type", part, kSupported);
    }
  }
  metaspace.splits_white_space_first = splits_first;
  return metaspace;
}

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
