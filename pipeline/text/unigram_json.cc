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
