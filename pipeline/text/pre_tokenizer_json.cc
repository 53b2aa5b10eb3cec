#include "pipeline/text/pre_tokenizer_json.h"

#include "config/base/utf8.h"
#include "pipeline/text/regex_json.h"
#include "pipeline/text/unicode_ranges.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::pipeline {
namespace {

using Steps = PreTokenizerSteps;
using Behavior = Steps::Behavior;

constexpr std::int32_t kMaxLength = 1'000'000;  // characters of a word

Behavior read_behavior(JsonReader& in, const Place& place, std::string_view missing) {
  constexpr auto kNames = std::to_array<std::pair<std::string_view, Behavior>>(
      {{"Removed", Behavior::removed},
       {"Isolated", Behavior::isolated},
       {"MergedWithPrevious", Behavior::merged_with_previous},
       {"MergedWithNext", Behavior::merged_with_next},
       {"Contiguous", Behavior::contiguous}});
  const std::string name = place || missing.empty() ? in.text(place) : std::string(missing);
  for (const auto& [known, behavior] : kNames) {
    if (known == name) return behavior;
  }
  in.bad(
      place.pointer, "Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous", name);
  return Behavior::isolated;
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

Steps::Step read_punctuation(JsonReader& in, const Place& place) {
  in.only(place, {"type", "behavior"});
  const Behavior behavior = read_behavior(in, in.child(place, "behavior"), "Isolated");
  if (behavior == Behavior::isolated) return PreTokenizer::Step::punctuation;
  Steps::SplitAt step{CodePointMap<std::uint8_t>(0), behavior};
  for (const unicode::Range& range : unicode::punctuation_ranges())
    step.wanted.set(range.first, range.last, 1);
  return step;
}

Steps::Step read_delimiter(JsonReader& in, const Place& place) {
  in.only(place, {"type", "delimiter"});
  const Place delimiter = in.child(place, "delimiter");
  const std::string text = in.text(delimiter);
  Steps::SplitAt step{CodePointMap<std::uint8_t>(0), Behavior::removed};
  if (config::count_code_points(text) != 1) {
    in.bad(delimiter.pointer, "one character", text);
  } else {
    step.wanted.set(config::decode_utf8(text).code_point, 1);
  }
  return step;
}

std::optional<Steps::Step> read_split(JsonReader& in, const Place& place) {
  in.only(place, {"type", "pattern", "behavior", "invert"});
  Steps::Split step;
  step.behavior = read_behavior(in, in.child(place, "behavior"), "");
  step.inverted = in.flag(in.child(place, "invert"), false);
  const Place pattern = in.child(place, "pattern");
  if (!in.object(pattern)) return std::nullopt;
  in.only(pattern, {"String", "Regex"});
  const Place text = in.child(pattern, "String");
  if (text && !in.text(text).empty()) {
    step.pattern = in.text(text);
    return step;
  }
  // An empty text is found between all characters, as an empty pattern is.
  auto regex = read_regex(in, text ? text : in.child(pattern, "Regex"));
  if (!regex) return std::nullopt;
  step.pattern = *std::move(regex);
  return step;
}

Steps::Step read_byte_level(JsonReader& in, const Place& place) {
  in.only(place, {"type", "add_prefix_space", "trim_offsets", "use_regex"});
  return Steps::ByteLevel{.adds_prefix_space = in.flag(in.child(place, "add_prefix_space"), true),
                          .splits = in.flag(in.child(place, "use_regex"), true)};
}

Steps::Step read_digits(JsonReader& in, const Place& place) {
  in.only(place, {"type", "individual_digits"});
  return in.flag(in.child(place, "individual_digits"), false) ? PreTokenizer::Step::single_digits
                                                              : PreTokenizer::Step::digits;
}

Steps::Step read_fixed_length(JsonReader& in, const Place& place) {
  in.only(place, {"type", "length"});
  const Place length = in.child(place, "length");
  const std::int32_t count = length ? in.number(length, kMaxLength) : 5;
  if (count == 0) in.unsupported(length.pointer, "0", "at least 1");
  return Steps::FixedLength{static_cast<std::size_t>(count)};
}

/// Steps without settings.
std::optional<Steps::Step> plain_step(std::string_view type) {
  if (type == "BertPreTokenizer") return PreTokenizer::Step::bert;
  if (type == "Whitespace") return PreTokenizer::Step::whitespace;
  if (type == "WhitespaceSplit") return PreTokenizer::Step::whitespace_split;
  if (type == "UnicodeScripts") return Steps::UnicodeScripts{};
  return std::nullopt;
}

std::optional<Steps::Step> read_step(JsonReader& in, const Place& place, const std::string& type) {
  if (auto plain = plain_step(type)) {
    in.only(place, {"type"});
    return plain;
  }
  if (type == "Punctuation") return read_punctuation(in, place);
  if (type == "Digits") return read_digits(in, place);
  if (type == "Split") return read_split(in, place);
  if (type == "CharDelimiterSplit") return read_delimiter(in, place);
  if (type == "FixedLength") return read_fixed_length(in, place);
  if (type == "Metaspace") return read_metaspace(in, place);
  if (type == "ByteLevel") return read_byte_level(in, place);
  in.unsupported(place.pointer + "/type",
                 type,
                 "BertPreTokenizer, Whitespace, WhitespaceSplit, Punctuation, Digits, Split, "
                 "CharDelimiterSplit, UnicodeScripts, FixedLength, Metaspace, ByteLevel, Sequence "
                 "of these, null");
  return std::nullopt;
}

void read_steps(JsonReader& in, const Place& place, std::vector<Steps::Step>& steps) {
  if (!in.object(place)) return;
  const std::string type = in.text(in.child(place, "type"));
  if (type != "Sequence") {
    if (auto step = read_step(in, place, type)) steps.push_back(*std::move(step));
    return;
  }
  in.only(place, {"type", "pretokenizers"});
  const Place list = in.child(place, "pretokenizers");
  if (!in.array(list)) return;
  for (std::size_t i = 0; i < list.json->size() && in.ok(); ++i)
    read_steps(in, element(list, i), steps);
}

}  // namespace

void read_pre_tokenizer(JsonReader& in, const Place& place, TokenizerSpec& spec) {
  if (!place) return;
  read_steps(in, place, spec.steps);
  spec.may_add_prefix_space = in.optional_text(in.child(place, "type")) == "ByteLevel";
}

}  // namespace millrace::pipeline
