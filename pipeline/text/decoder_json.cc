#include "pipeline/text/decoder_json.h"

#include "config/base/utf8.h"
#include "pipeline/text/regex_json.h"

#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::pipeline {
namespace {

constexpr std::int32_t kMaxStrips = 1'000'000;

/// A text that is not empty: an empty one would be found everywhere.
std::string filled_text(JsonReader& in, const Place& place) {
  std::string text = in.text(place);
  if (text.empty())
    in.unsupported(place.pointer, "an empty text", "a text of at least a character");
  return text;
}

std::string character(JsonReader& in, const Place& place) {
  std::string text = filled_text(in, place);
  if (config::count_code_points(text) != 1) in.bad(place.pointer, "one character", text);
  return text;
}

Decoder::Metaspace read_metaspace(JsonReader& in, const Place& place) {
  in.only(place, {"type", "replacement", "prepend_scheme", "add_prefix_space", "split", "str_rep"});
  const Place scheme = in.child(place, "prepend_scheme");
  const std::string name = in.optional_text(scheme).value_or("always");
  if (name != "always" && name != "first" && name != "never")
    in.bad(scheme.pointer, "always, first or never", name);
  const Place prefix = in.child(place, "add_prefix_space");
  const bool adds = in.flag(prefix, name != "never");
  if (scheme && adds != (name != "never"))
    in.unsupported(prefix.pointer, adds ? "true" : "false", "what prepend_scheme says");
  return {.replacement = character(in, in.child(place, "replacement")), .drops_first = adds};
}

std::optional<Decoder::Step> read_replace(JsonReader& in, const Place& place) {
  in.only(place, {"type", "pattern", "content"});
  const Place pattern = in.child(place, "pattern");
  if (!in.object(pattern)) return std::nullopt;
  in.only(pattern, {"String", "Regex"});
  const std::string content = in.text(in.child(place, "content"));
  const Place regex = in.child(pattern, "Regex");
  if (!regex)
    return Decoder::Replace{.pattern = filled_text(in, in.child(pattern, "String")),
                            .content = content};
  auto read = read_regex(in, regex);
  if (!read) return std::nullopt;
  return Decoder::ReplaceMatches{.pattern = *std::move(read), .content = content};
}

Decoder::Ctc read_ctc(JsonReader& in, const Place& place) {
  in.only(place, {"type", "pad_token", "word_delimiter_token", "cleanup"});
  return {.blank = in.text(in.child(place, "pad_token")),
          .delimiter = filled_text(in, in.child(place, "word_delimiter_token")),
          .cleanup = in.flag(in.child(place, "cleanup"), true)};
}

std::optional<Decoder::Step> read_step(JsonReader& in, const Place& place) {
  const std::string type = in.text(in.child(place, "type"));
  if (type == "WordPiece") {
    in.only(place, {"type", "prefix", "cleanup"});
    return Decoder::WordPiece{.prefix = in.text(in.child(place, "prefix")),
                              .cleanup = in.flag(in.child(place, "cleanup"), true)};
  }
  if (type == "ByteLevel") {
    in.only(place, {"type", "add_prefix_space", "trim_offsets", "use_regex"});
    return Decoder::ByteLevel{};
  }
  if (type == "Metaspace") return read_metaspace(in, place);
  if (type == "BPEDecoder") {
    in.only(place, {"type", "suffix"});
    return Decoder::Bpe{.suffix = filled_text(in, in.child(place, "suffix"))};
  }
  if (type == "ByteFallback" || type == "Fuse") {
    in.only(place, {"type"});
    if (type == "Fuse") return Decoder::Fuse{};
    return Decoder::ByteFallback{};
  }
  if (type == "Strip") {
    in.only(place, {"type", "content", "start", "stop"});
    const auto count = [&](const char* key) {
      return static_cast<std::size_t>(in.number(in.child(place, key), kMaxStrips));
    };
    return Decoder::Strip{.content = character(in, in.child(place, "content")),
                          .start = count("start"),
                          .stop = count("stop")};
  }
  if (type == "Replace") return read_replace(in, place);
  if (type == "CTC") return read_ctc(in, place);
  in.unsupported(place.pointer + "/type",
                 type,
                 "WordPiece, ByteLevel, Metaspace, BPEDecoder, ByteFallback, Fuse, Strip, Replace, "
                 "CTC, Sequence of these, null");
  return std::nullopt;
}

void read_steps(JsonReader& in, const Place& place, std::vector<Decoder::Step>& steps) {
  if (!in.object(place)) return;
  if (in.text(in.child(place, "type")) != "Sequence") {
    if (auto step = read_step(in, place)) steps.push_back(*std::move(step));
    return;
  }
  in.only(place, {"type", "decoders"});
  const Place list = in.child(place, "decoders");
  if (!in.array(list)) return;
  for (std::size_t i = 0; i < list.json->size() && in.ok(); ++i)
    read_steps(in, element(list, i), steps);
}

}  // namespace

std::vector<Decoder::Step> read_decoder(JsonReader& in, const Place& place) {
  if (!place) return {Decoder::Spaces{}};
  std::vector<Decoder::Step> steps;
  read_steps(in, place, steps);
  return steps;
}

}  // namespace millrace::pipeline
