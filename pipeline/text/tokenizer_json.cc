#include "pipeline/text/tokenizer_json.h"

#include "config/base/utf8.h"
#include "pipeline/text/decoder_json.h"
#include "pipeline/text/json_reader.h"
#include "pipeline/text/model_json.h"
#include "pipeline/text/normalizer_json.h"
#include "pipeline/text/post_processor_json.h"
#include "pipeline/text/pre_tokenizer_json.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::pipeline {
namespace {

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
  read_normalizer(in, in.child(root, "normalizer"), spec);
  read_pre_tokenizer(in, in.child(root, "pre_tokenizer"), spec);
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
  spec.bpe = BpeSpec();
  spec.bpe->merges = *std::move(merges);
  spec.steps = {PreTokenizerSteps::ByteLevel{.adds_prefix_space = false}};
  spec.may_add_prefix_space = true;
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
