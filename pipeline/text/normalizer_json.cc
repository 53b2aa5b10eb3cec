#include "pipeline/text/normalizer_json.h"

#include "config/base/utf8.h"
#include "pipeline/text/regex_json.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::pipeline {
namespace {

using Steps = NormalizerSteps;

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
    if (in.text(regex) == " {2,}") {
      steps.emplace_back(Steps::ReplaceSpaces{with});
      return;
    }
    auto read = read_regex(in, regex);
    if (!read) return;
    if (read->may_be_empty())
      return in.unsupported(
          regex.pointer, "a pattern that may match nothing", "patterns that match something");
    steps.emplace_back(Steps::ReplaceMatches{*std::move(read), with});
    return;
  }
  const Place text = in.child(pattern, "String");
  const std::u32string wanted = code_points(in.text(text));
  if (wanted.empty())
    return in.unsupported(text.pointer, "an empty text", "a text of at least a character");
  steps.emplace_back(Steps::Replace{wanted, with});
}

BertNormalizerSpec read_bert(JsonReader& in, const Place& place) {
  in.only(place, {"type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"});
  return BertNormalizerSpec{
      .clean_text = in.flag(in.child(place, "clean_text"), true),
      .handle_chinese_chars = in.flag(in.child(place, "handle_chinese_chars"), true),
      .strip_accents = in.optional_flag(in.child(place, "strip_accents")),
      .lowercase = in.flag(in.child(place, "lowercase"), true),
  };
}

void read_step(JsonReader& in, const Place& place, std::vector<Steps::Step>& steps) {
  const std::string type = in.text(in.child(place, "type"));
  if (type == "Precompiled") return read_charsmap(in, place, steps);
  if (type == "Replace") return read_replace(in, place, steps);
  if (type == "BertNormalizer") {
    steps.emplace_back(read_bert(in, place).options());
    return;
  }
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
  } else if (type == "ByteLevel") {
    steps.emplace_back(Steps::ByteLevel{});
  } else {
    in.unsupported(place.pointer + "/type",
                   type,
                   "BertNormalizer, Precompiled, Replace, Strip, Prepend, NFC, NFD, NFKC, NFKD, "
                   "StripAccents, Lowercase, Nmt, ByteLevel, Sequence of these, null");
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

}  // namespace

void read_normalizer(JsonReader& in, const Place& place, TokenizerSpec& spec) {
  if (!place) return;
  if (place.json->is_object() && in.optional_text(in.child(place, "type")) == "BertNormalizer") {
    spec.normalizer = read_bert(in, place);
    return;
  }
  read_steps(in, place, spec.normalizer_steps);
}

}  // namespace millrace::pipeline
