#include "pipeline/text/tokenizer_json.h"

#include "config/base/utf8.h"
#include "pipeline/text/decoder_json.h"
#include "pipeline/text/json_reader.h"
#include "pipeline/text/normalizer_json.h"
#include "pipeline/text/unigram_json.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::pipeline {
namespace {

constexpr std::int32_t kMaxTypeId = 1'000'000;
constexpr std::int32_t kMaxWordChars = 1'000'000;

std::optional<BertNormalizerSpec> read_normalizer(JsonReader& in, const Place& place) {
  if (!place || !in.object(place)) return std::nullopt;
  const std::string type = in.text(in.child(place, "type"));
  if (type != "BertNormalizer") {
    in.unsupported(place.pointer + "/type", type, "BertNormalizer, null");
    return std::nullopt;
  }
  in.only(place, {"type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"});
  return BertNormalizerSpec{
      .clean_text = in.flag(in.child(place, "clean_text"), true),
      .handle_chinese_chars = in.flag(in.child(place, "handle_chinese_chars"), true),
      .strip_accents = in.optional_flag(in.child(place, "strip_accents")),
      .lowercase = in.flag(in.child(place, "lowercase"), true),
  };
}

void read_simple_step(JsonReader& in,
                      const Place& place,
                      const std::string& type,
                      std::vector<PreTokenizer::Step>& steps) {
  using Step = PreTokenizer::Step;
  if (type == "BertPreTokenizer" || type == "Whitespace" || type == "WhitespaceSplit") {
    in.only(place, {"type"});
    steps.push_back(type == "BertPreTokenizer" ? Step::bert
                    : type == "Whitespace"     ? Step::whitespace
                                               : Step::whitespace_split);
  } else if (type == "Punctuation") {
    in.only(place, {"type", "behavior"});
    const Place behavior = in.child(place, "behavior");
    const std::string name = in.optional_text(behavior).value_or("Isolated");
    if (name != "Isolated") in.unsupported(behavior.pointer, name, "Isolated");
    steps.push_back(Step::punctuation);
  } else if (type == "Digits") {
    in.only(place, {"type", "individual_digits"});
    steps.push_back(in.flag(in.child(place, "individual_digits"), false) ? Step::single_digits
                                                                         : Step::digits);
  } else {
    in.unsupported(place.pointer + "/type",
                   type,
                   "BertPreTokenizer, Whitespace, WhitespaceSplit, Punctuation, Digits, Sequence "
                   "of these, null");
  }
}

std::vector<PreTokenizer::Step> read_pre_tokenizer(JsonReader& in, const Place& place) {
  std::vector<PreTokenizer::Step> steps;
  if (!place || !in.object(place)) return steps;
  const std::string type = in.text(in.child(place, "type"));
  if (type != "Sequence") {
    read_simple_step(in, place, type, steps);
    return steps;
  }
  in.only(place, {"type", "pretokenizers"});
  const Place list = in.child(place, "pretokenizers");
  if (!in.array(list)) return steps;
  for (std::size_t i = 0; i < list.json->size(); ++i) {
    const Place step = element(list, i);
    if (in.object(step)) read_simple_step(in, step, in.text(in.child(step, "type")), steps);
  }
  return steps;
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

void refuse_affix(JsonReader& in, const Place& place) {
  if (in.optional_text(place).value_or("") != "")
    in.unsupported(place.pointer, *in.optional_text(place), "null");
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
  if (const Place dropout = in.child(place, "dropout"))
    in.unsupported(dropout.pointer, "a number", "null");
  refuse_affix(in, in.child(place, "continuing_subword_prefix"));
  refuse_affix(in, in.child(place, "end_of_word_suffix"));
  // unk_token, fuse_unk and byte_fallback change nothing: the vocabulary must have every byte.
  ByteLevelSpec byte_level;
  byte_level.ignores_merges = in.flag(in.child(place, "ignore_merges"), false);
  const Place merges = in.child(place, "merges");
  if (!in.array(merges)) return;
  for (std::size_t i = 0; i < merges.json->size() && in.ok(); ++i) {
    byte_level.merges.push_back(read_merge(in, element(merges, i)));
  }
  spec.byte_level = std::move(byte_level);
  spec.prefix.clear();
  read_vocabulary(in, in.child(place, "vocab"), spec);
}

void read_byte_level_splitter(JsonReader& in, const Place& place, TokenizerSpec& spec) {
  const Place type = in.child(place, "type");
  if (!in.object(place)) return;
  if (const std::string name = in.text(type); name != "ByteLevel")
    return in.unsupported(type.pointer, name, "ByteLevel before BPE");
  in.only(place, {"type", "add_prefix_space", "trim_offsets", "use_regex"});
  const Place regex = in.child(place, "use_regex");
  if (!in.flag(regex, true)) in.unsupported(regex.pointer, "false", "true");
  spec.byte_level->adds_prefix_space = in.flag(in.child(place, "add_prefix_space"), true);
}

/// Old files name no type; what else they hold tells their WordPiece and Unigram.
std::string type_of_model(JsonReader& in, const Place& place) {
  const Place type = in.child(place, "type");
  if (type) return in.text(type);
  if (in.child(place, "max_input_chars_per_word")) return "WordPiece";
  const Place vocabulary = in.child(place, "vocab");
  return vocabulary && vocabulary.json->is_array() ? "Unigram" : in.text(type);
}

void read_model(JsonReader& in, const Place& place, TokenizerSpec& spec) {
  if (!in.object(place)) return;
  const std::string type = type_of_model(in, place);
  if (type == "BPE") return read_bpe(in, place, spec);
  if (type == "Unigram") return read_unigram(in, place, spec);
  if (type != "WordPiece")
    return in.unsupported(place.pointer + "/type", type, "WordPiece, BPE, Unigram");
  in.only(place,
          {"type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"});
  spec.unknown_token = in.text(in.child(place, "unk_token"));
  spec.prefix = in.text(in.child(place, "continuing_subword_prefix"));
  spec.max_word_chars = static_cast<std::size_t>(
      in.number(in.child(place, "max_input_chars_per_word"), kMaxWordChars));
  read_vocabulary(in, in.child(place, "vocab"), spec);
}

std::vector<AddedToken> read_added_tokens(JsonReader& in, const Place& place) {
  std::vector<AddedToken> added;
  if (!place || !in.array(place)) return added;
  for (std::size_t i = 0; i < place.json->size(); ++i) {
    const Place token = element(place, i);
    if (!in.object(token)) return added;
    in.only(token, {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
    // The id is not read: the reference gives added tokens their ids itself, by content.
    added.push_back({.content = in.text(in.child(token, "content")),
                     .single_word = in.flag(in.child(token, "single_word"), false),
                     .lstrip = in.flag(in.child(token, "lstrip"), false),
                     .rstrip = in.flag(in.child(token, "rstrip"), false),
                     .normalized = in.flag(in.child(token, "normalized"), true),
                     .special = in.flag(in.child(token, "special"), false)});
  }
  return added;
}

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

/// The texts alone, the second with type 1.
void set_plain_template(TokenizerSpec& spec) {
  spec.single = {{0, {}, 0}};
  spec.pair = {{0, {}, 0}, {1, {}, 1}};
}

/// [CLS] A [SEP] and [CLS] A [SEP] B [SEP], the last two with type 1.
void set_bert_template(std::int32_t cls, std::int32_t sep, TokenizerSpec& spec) {
  spec.single = {{-1, {cls}, 0}, {0, {}, 0}, {-1, {sep}, 0}};
  spec.pair = spec.single;
  spec.pair.push_back({1, {}, 1});
  spec.pair.push_back({-1, {sep}, 1});
}

/// <s> A </s> and <s> A </s> </s> B </s>, all of type 0.
void set_roberta_template(std::int32_t cls, std::int32_t sep, TokenizerSpec& spec) {
  spec.single = {{-1, {cls}, 0}, {0, {}, 0}, {-1, {sep}, 0}};
  spec.pair = {{-1, {cls}, 0}, {0, {}, 0}, {-1, {sep, sep}, 0}, {1, {}, 0, true}, {-1, {sep}, 0}};
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
  spec.may_trim_offsets = true;
  if (in.flag(in.child(place, "trim_offsets"), true)) spec.trims_offsets = adds_prefix_space;
}

void read_post_processor(JsonReader& in, const Place& place, TokenizerSpec& spec) {
  if (!place) return set_plain_template(spec);
  if (!in.object(place)) return;
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
    in.unsupported(place.pointer + "/type",
                   type,
                   "TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel, null");
  }
}

/// One line a token, lines ended as Python's text mode ends them.
std::vector<std::string_view> lines(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
    out.push_back(text.substr(0, end));
    const std::size_t skip = text.substr(end, 2) == "\r\n" ? 2 : 1;
    text.remove_prefix(std::min(end + skip, text.size()));
  }
  return out;
}

}  // namespace

Result<TokenizerSpec> read_tokenizer_json(std::string_view text) {
  auto json = config::parse_json(text, config::JsonLimits::model_file());
  if (!json) return std::move(json).error();
  JsonReader in("tokenizer.json");
  const Place root{&*json, ""};
  TokenizerSpec spec;
  if (!in.object(root)) return in.error();
  in.only(root,
          {"version",
           "truncation",
           "padding",
           "added_tokens",
           "normalizer",
           "pre_tokenizer",
           "post_processor",
           "decoder",
           "model"});
  const Place version = in.child(root, "version");
  if (const auto found = in.optional_text(version).value_or("1.0"); found != "1.0") {
    in.unsupported(version.pointer, found, "1.0");
  }
  read_model(in, in.child(root, "model"), spec);
  const Place normalizer = in.child(root, "normalizer");
  const Place pre_tokenizer = in.child(root, "pre_tokenizer");
  if (spec.unigram) {
    spec.normalizer_steps = read_normalizer_steps(in, normalizer);
    spec.metaspace = read_metaspace_splitter(in, pre_tokenizer);
  } else if (spec.byte_level) {
    spec.normalizer_steps = read_normalizer_steps(in, normalizer);
    read_byte_level_splitter(in, pre_tokenizer, spec);
  } else {
    spec.normalizer = read_normalizer(in, normalizer);
    spec.steps = read_pre_tokenizer(in, pre_tokenizer);
  }
  read_post_processor(in, in.child(root, "post_processor"), spec);
  spec.decoder = read_decoder(in, in.child(root, "decoder"));
  spec.added = read_added_tokens(in, in.child(root, "added_tokens"));
  const auto direction = [&](const std::string& key) {
    return in.optional_text(in.child(in.child(root, key), "direction")) == "Left";
  };
  spec.truncates_left = direction("truncation");
  spec.pads_left = direction("padding");
  if (!in.ok()) return in.error();
  return spec;
}

namespace {

/// The merges of a merges.txt. As in transformers the first and the last line never count, and of
/// equal merges the first does.
Result<std::vector<std::pair<std::string, std::string>>> read_merges_txt(std::string_view text) {
  if (const auto at = config::invalid_utf8_at(text)) {
    return error(
        Errc::invalid_input, "BAD_UTF8", fmt::format("merges.txt: invalid UTF-8 at byte {}", *at));
  }
  std::vector<std::pair<std::string, std::string>> merges;
  std::set<std::string_view> seen;
  for (std::size_t line = 0; !text.empty(); ++line) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) break;
    const std::string_view merge = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (line == 0 || !seen.insert(merge).second) continue;
    const std::size_t space = merge.find(' ');
    if (space == std::string_view::npos || merge.find(' ', space + 1) != std::string_view::npos) {
      return error(
          Errc::invalid_input,
          "BAD_TOKENIZER",
          fmt::format("merges.txt: line {}: expected two tokens with a space between; save "
                      "the tokenizer again or copy the file anew",
                      line + 1));
    }
    merges.emplace_back(merge.substr(0, space), merge.substr(space + 1));
  }
  return merges;
}

}  // namespace

Result<TokenizerSpec> read_vocab_and_merges(std::string_view vocab_json,
                                            std::string_view merges_txt,
                                            const std::optional<std::string>& cls,
                                            const std::optional<std::string>& sep) {
  auto json = config::parse_json(vocab_json, config::JsonLimits::model_file());
  if (!json) return std::move(json).error();
  JsonReader in("vocab.json");
  TokenizerSpec spec;
  read_vocabulary(in, {&*json, ""}, spec);
  if (!in.ok()) return in.error();
  auto merges = read_merges_txt(merges_txt);
  if (!merges) return std::move(merges).error();
  spec.byte_level = ByteLevelSpec{.merges = *std::move(merges)};
  spec.prefix.clear();
  spec.decoder = {Decoder::ByteLevel{}};
  set_plain_template(spec);
  if (!cls || !sep) return spec;
  const auto id_of = [&](const std::string& token) -> std::optional<std::int32_t> {
    const auto found = json->find(token);
    return found != json->end() ? std::optional(found->get<std::int32_t>()) : std::nullopt;
  };
  for (const std::string& token : {*cls, *sep}) {
    if (id_of(token)) continue;
    return error(Errc::invalid_input,
                 "BAD_TOKENIZER",
                 fmt::format("vocab.json: the special token {} is missing; name the right one in "
                             "tokenizer_config.json",
                             token));
  }
  set_roberta_template(*id_of(*cls), *id_of(*sep), spec);
  spec.may_trim_offsets = true;
  return spec;
}

Result<TokenizerSpec> read_vocab_txt(std::string_view text,
                                     const std::string& cls,
                                     const std::string& sep,
                                     const std::string& unknown) {
  if (const auto at = config::invalid_utf8_at(text)) {
    return error(
        Errc::invalid_input, "BAD_UTF8", fmt::format("vocab.txt: invalid UTF-8 at byte {}", *at));
  }
  TokenizerSpec spec;
  std::map<std::string_view, std::int32_t> ids;
  std::int32_t next = 0;
  for (const std::string_view token : lines(text)) {
    if (next > kMaxTokenId) {
      return error(Errc::invalid_input,
                   "BAD_TOKENIZER",
                   fmt::format("vocab.txt: more than {} lines", kMaxTokenId));
    }
    ids[token] = next++;  // the last of equal lines counts
  }
  for (const auto& [token, id] : ids) spec.vocabulary.emplace_back(token, id);
  for (const std::string& token : {cls, sep}) {
    if (ids.contains(token)) continue;
    return error(Errc::invalid_input,
                 "BAD_TOKENIZER",
                 fmt::format("vocab.txt: the special token {} is missing; name the right one in "
                             "tokenizer_config.json",
                             token));
  }
  spec.normalizer = BertNormalizerSpec{};
  spec.steps = {PreTokenizer::Step::bert};
  spec.unknown_token = unknown;
  set_bert_template(ids.at(cls), ids.at(sep), spec);
  return spec;
}

}  // namespace millrace::pipeline
