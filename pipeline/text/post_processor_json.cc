#include "pipeline/text/post_processor_json.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::pipeline {
namespace {

constexpr std::int32_t kMaxTypeId = 1'000'000;

constexpr std::string_view kSupported =
    "TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel, Sequence of ByteLevel and "
    "one of the others, null";

using SpecialIds = std::map<std::string, std::vector<std::int32_t>>;

SpecialIds read_special_ids(JsonReader& in, const Place& place) {
  SpecialIds specials;
  if (!in.object(place)) return specials;
  for (const auto& [name, value] : place.json->items()) {
    const Place special = in.child(place, name);
    in.only(special, {"id", "ids", "tokens"});
    const Place ids = in.child(special, "ids");
    if (!in.array(ids)) return specials;
    for (std::size_t i = 0; i < ids.json->size(); ++i) {
      specials[name].push_back(in.number(element(ids, i), kMaxTokenId));
    }
  }
  return specials;
}

TemplatePiece read_piece(JsonReader& in, const Place& place, const SpecialIds& specials) {
  TemplatePiece piece;
  in.only(place, {"SpecialToken", "Sequence"});
  const Place special = in.child(place, "SpecialToken");
  const Place inner = special ? special : in.child(place, "Sequence");
  if (!in.object(inner)) return piece;
  in.only(inner, {"id", "type_id"});
  piece.type_id = in.number(in.child(inner, "type_id"), kMaxTypeId);
  const Place id_place = in.child(inner, "id");
  const std::string id = in.text(id_place);
  if (!special) {
    if (id != "A" && id != "B") in.bad(id_place.pointer, "A or B", id);
    piece.text = id == "B" ? 1 : 0;
    return piece;
  }
  const auto found = specials.find(id);
  if (found == specials.end()) {
    in.bad(id_place.pointer, "a key of special_tokens", id);
    return piece;
  }
  piece.special_ids = found->second;
  return piece;
}

std::vector<TemplatePiece> read_template(JsonReader& in,
                                         const Place& place,
                                         const SpecialIds& specials,
                                         int texts) {
  std::vector<TemplatePiece> pieces;
  if (!in.array(place)) return pieces;
  for (std::size_t i = 0; i < place.json->size(); ++i) {
    const Place piece = element(place, i);
    if (!in.object(piece)) return pieces;
    pieces.push_back(read_piece(in, piece, specials));
  }
  for (int text = 0; text < 2; ++text) {
    const auto count =
        std::count_if(pieces.begin(), pieces.end(), [&](const auto& p) { return p.text == text; });
    if (count == (text < texts ? 1 : 0)) continue;
    in.unsupported(place.pointer,
                   fmt::format("{} {} times", text == 0 ? "$A" : "$B", count),
                   "templates with $A once, and $B once in pair");
  }
  return pieces;
}

std::int32_t read_name_and_id(JsonReader& in, const Place& place) {
  if (!in.array(place)) return 0;
  if (place.json->size() != 2) {
    in.bad(place.pointer, "a token and its id", fmt::format("{} values", place.json->size()));
    return 0;
  }
  return in.number(element(place, 1), kMaxTokenId);
}

void read_trimming(JsonReader& in, const Place& place, TokenizerSpec& spec) {
  const bool adds_prefix_space = in.flag(in.child(place, "add_prefix_space"), true);
  if (!in.flag(in.child(place, "trim_offsets"), true)) return;
  if (spec.trims_offsets)
    return in.unsupported(place.pointer + "/trim_offsets", "true once more", "trimming once");
  spec.trims_offsets = adds_prefix_space;
}

void read_one(JsonReader& in, const Place& place, TokenizerSpec& spec) {
  const std::string type = in.text(in.child(place, "type"));
  if (type == "TemplateProcessing") {
    in.only(place, {"type", "single", "pair", "special_tokens"});
    const SpecialIds specials = read_special_ids(in, in.child(place, "special_tokens"));
    spec.single = read_template(in, in.child(place, "single"), specials, 1);
    spec.pair = read_template(in, in.child(place, "pair"), specials, 2);
  } else if (type == "BertProcessing") {
    in.only(place, {"type", "sep", "cls"});
    set_bert_template(read_name_and_id(in, in.child(place, "cls")),
                      read_name_and_id(in, in.child(place, "sep")),
                      spec);
  } else if (type == "RobertaProcessing") {
    in.only(place, {"type", "sep", "cls", "trim_offsets", "add_prefix_space"});
    const std::int32_t cls = read_name_and_id(in, in.child(place, "cls"));
    const std::int32_t sep = read_name_and_id(in, in.child(place, "sep"));
    set_roberta_template(cls, sep, spec);
    read_trimming(in, place, spec);
  } else if (type == "ByteLevel") {
    in.only(place, {"type", "add_prefix_space", "trim_offsets", "use_regex"});
    set_plain_template(spec);
    read_trimming(in, place, spec);
  } else {
    in.unsupported(place.pointer + "/type", type, kSupported);
  }
}

/// What comes after special tokens were put in would see them, and nothing of that is done here.
void read_sequence(JsonReader& in, const Place& place, TokenizerSpec& spec) {
  in.only(place, {"type", "processors"});
  const Place list = in.child(place, "processors");
  if (!in.array(list)) return;
  set_plain_template(spec);
  for (std::size_t i = 0; i < list.json->size() && in.ok(); ++i) {
    const Place step = element(list, i);
    if (!in.object(step)) return;
    const Place type = in.child(step, "type");
    if (i + 1 < list.json->size() && in.text(type) != "ByteLevel")
      return in.unsupported(type.pointer, in.text(type), "ByteLevel before another");
    read_one(in, step, spec);
  }
}

}  // namespace

void set_plain_template(TokenizerSpec& spec) {
  spec.single = {{0, {}, 0}};
  spec.pair = {{0, {}, 0}, {1, {}, 1}};
}

void set_bert_template(std::int32_t cls, std::int32_t sep, TokenizerSpec& spec) {
  spec.single = {{-1, {cls}, 0}, {0, {}, 0}, {-1, {sep}, 0}};
  spec.pair = spec.single;
  spec.pair.push_back({1, {}, 1});
  spec.pair.push_back({-1, {sep}, 1});
}

void set_roberta_template(std::int32_t cls, std::int32_t sep, TokenizerSpec& spec) {
  spec.single = {{-1, {cls}, 0}, {0, {}, 0}, {-1, {sep}, 0}};
  spec.pair = {{-1, {cls}, 0}, {0, {}, 0}, {-1, {sep, sep}, 0}, {1, {}, 0, true}, {-1, {sep}, 0}};
}

void read_post_processor(JsonReader& in, const Place& place, TokenizerSpec& spec) {
  if (!place) return set_plain_template(spec);
  if (!in.object(place)) return;
  const std::string type = in.text(in.child(place, "type"));
  if (type == "Sequence") return read_sequence(in, place, spec);
  spec.may_trim_offsets = type == "RobertaProcessing" || type == "ByteLevel";
  read_one(in, place, spec);
}

}  // namespace millrace::pipeline
