#include "config/base/utf8.h"
#include "pipeline/text/byte_level.h"
#include "pipeline/text/tokenizer.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

namespace {

using namespace millrace::pipeline;  // NOLINT(google-build-using-namespace)

constexpr std::string_view kJson = R"({"version": "1.0", "added_tokens": [
  {"id": 0, "content": "[UNK]", "special": true, "normalized": false},
  {"id": 9, "content": "<m>", "lstrip": true, "rstrip": true, "normalized": false},
  {"id": 10, "content": "Ab", "single_word": true, "normalized": true}],
 "normalizer": {"type": "BertNormalizer"}, "pre_tokenizer": {"type": "BertPreTokenizer"},
 "post_processor": {"type": "BertProcessing", "sep": ["c", 3], "cls": ["a", 1]},
 "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 20,
  "vocab": {"[UNK]": 0, "a": 1, "##b": 2, "c": 3, "##c": 4, "bc": 5, "##\u0301": 6, "e": 7, ".": 8}}})";

const Tokenizer& wordpiece() {
  static const std::unique_ptr<Tokenizer> made = Tokenizer::parse(kJson, "{}").value();
  return *made;
}

/// Byte-level BPE with a few merges, trimmed offsets and a space before every text.
std::string byte_level_json() {
  std::string vocabulary;
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::string character;
    millrace::config::append_utf8(byte_character(static_cast<std::uint8_t>(byte)), character);
    if (character == "\"" || character == "\\") character.insert(0, "\\");
    vocabulary += "\"" + character + "\": " + std::to_string(byte + 2) + ", ";
  }
  return R"({"version": "1.0", "added_tokens": [{"id": 0, "content": "<s>", "special": true, "normalized": false},
    {"id": 1, "content": "</s>", "special": true, "normalized": false, "lstrip": true}],
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
    "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 1], "cls": ["<s>", 0], "trim_offsets": true,
    "add_prefix_space": true}, "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE", "merges": ["a b", "\u0120 a", "\u0120 \u0120", "ab c"], "vocab": {"<s>": 0, "</s>": 1, )" +
         vocabulary + R"("ab": 258, "\u0120a": 259, "\u0120\u0120": 260, "abc": 261}}})";
}

const Tokenizer& byte_level() {
  static const std::unique_ptr<Tokenizer> made =
      Tokenizer::parse(byte_level_json(), R"({"add_prefix_space": true})").value();
  return *made;
}

const Tokenizer& unigram() {
  static const std::unique_ptr<Tokenizer> made =
      Tokenizer::parse(
          R"({"version": "1.0", "added_tokens": [{"id": 1, "content": "</s>", "special": true, "normalized": false}],
    "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Strip", "strip_left": false, "strip_right": true},
    {"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"}, {"type": "Nmt"},
    {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "\u2581"}]},
    "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": true},
    "post_processor": null, "decoder": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first"},
    "model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["</s>", 0], ["\u2581", -2], ["a", -3], ["\u2581a", -4],
    ["ab", -5], ["b", -3.5], ["\u00e9", -6], ["abab", -7]]}})",
          "")
          .value();
  return *made;
}

/// BPE over characters that falls back to bytes, as Llama 2 has it: a text is one word.
std::string byte_fallback_json() {
  std::string vocabulary;
  for (int byte = 0; byte < 256; ++byte) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    vocabulary += std::string("\"<0x") + kDigits[static_cast<std::size_t>(byte / 16)] +
                  kDigits[static_cast<std::size_t>(byte % 16)] +
                  ">\": " + std::to_string(byte + 3) + ", ";
  }
  return R"json({"version": "1.0", "added_tokens": [{"id": 1, "content": "<s>", "special": true, "normalized": false}],
    "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u2581"},
    {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}, {"type": "Replace", "pattern": {"Regex": "[xy]{2,}|\\d(?=a)"
}

, "content" : "zz"
}]
}
, "pre_tokenizer" : null,
                    "post_processor" : {
                      "type" : "TemplateProcessing",
                      "single" : [
                        {"SpecialToken" : {"id" : "<s>", "type_id" : 0}},
                        {"Sequence" : {"id" : "A", "type_id" : 0}}
                      ],
                      "pair" : [
                        {"Sequence" : {"id" : "A", "type_id" : 0}},
                        {"Sequence" : {"id" : "B", "type_id" : 1}}
                      ],
                      "special_tokens" : {"<s>" : {"id" : "<s>", "ids" : [1], "tokens" : ["<s>"]}}
                    },
                                       "decoder"
    : {
      "type" : "Sequence",
      "decoders" : [
        {"type" : "Replace", "pattern" : {"String" : "\u2581"}, "content" : " "},
        {"type" : "ByteFallback"},
        {"type" : "Fuse"},
        {"type" : "Strip", "content" : " ", "start" : 1, "stop" : 0}
      ]
    },
      "model" : {
  "type" : "BPE",
           "unk_token" : "<unk>",
                         "fuse_unk" : true,
                                      "byte_fallback" : true,
                                                        "merges"
      : [ [ "\u2581", "a" ], [ "a", "b" ], [ "\u2581", "\u2581" ], [ "\u2581a", "b" ] ],
        "vocab" : {"<unk>": 0, "<s>": 1, "</s>": 2, )json" +
         vocabulary +
         R"json("\u2581": 259, "a": 260, "b": 261, "\u2581a": 262, "ab": 263, "\u2581\u2581": 264, "\u2581ab": 265}}})json";
}

const Tokenizer& byte_fallback() {
  static const std::unique_ptr<Tokenizer> made =
      Tokenizer::parse(byte_fallback_json(), R"({"tokenizer_class": "PreTrainedTokenizerFast"})")
          .value();
  return *made;
}

/// Whole words, after a text was cut in several ways.
const Tokenizer& word_level() {
  static const std::unique_ptr<Tokenizer> made =
      Tokenizer::parse(
          R"json({"version": "1.0", "added_tokens": [{"id": 1, "content": "<m>", "lstrip": true, "normalized": false}],
    "normalizer": {"type": "ByteLevel"}, "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
    {"type": "Split", "pattern": {"Regex": "(?i:'s|'t)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|\\s+(?!\\S)|^$"}, "behavior": "Isolated", "invert": false},
    {"type": "Split", "pattern": {"String": "ab"}, "behavior": "MergedWithNext", "invert": false},
    {"type": "Split", "pattern": {"Regex": "b*"}, "behavior": "MergedWithPrevious", "invert": true},
    {"type": "Punctuation", "behavior": "Contiguous"}, {"type": "CharDelimiterSplit", "delimiter": "-"}, {"type": "UnicodeScripts"},
    {"type": "Metaspace", "replacement": "_", "prepend_scheme": "first"}, {"type": "FixedLength", "length": 7}]},
    "post_processor": {"type": "Sequence", "processors": [{"type": "ByteLevel", "trim_offsets": true, "add_prefix_space": false},
    {"type": "BertProcessing", "sep": ["b", 3], "cls": ["a", 2]}]}, "decoder": {"type": "CTC", "pad_token": "a", "word_delimiter_token": "b"},
    "model": {"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0, "<m>": 1, "a": 2, "b": 3, "ab": 4, "_a": 5}}})json",
          R"({"tokenizer_class": "PreTrainedTokenizerFast"})")
          .value();
  return *made;
}

void check_shape(const Tokenizer& tokenizer, const Encoding& encoding, std::size_t code_points) {
  const std::size_t size = encoding.ids.size();
  const bool equal = encoding.type_ids.size() == size && encoding.offsets.size() == size &&
                     encoding.words.size() == size && encoding.special_mask.size() == size &&
                     encoding.sequence.size() == size;
  if (!equal) std::abort();
  for (std::size_t i = 0; i < size; ++i) {
    if (encoding.offsets[i].begin > encoding.offsets[i].end ||
        encoding.offsets[i].end > code_points)
      std::abort();
    if (encoding.ids[i] < 0 || static_cast<std::size_t>(encoding.ids[i]) >= tokenizer.vocab_size())
      std::abort();
  }
}

void check_text(const Tokenizer& tokenizer,
                std::string_view text,
                std::size_t max_length,
                std::size_t stride) {
  const auto full = tokenizer.encode(text, {.want_offsets = true});
  if (!full) {
    if (!millrace::config::invalid_utf8_at(text)) std::abort();
    return;
  }
  const std::size_t code_points = millrace::config::count_code_points(text);
  check_shape(tokenizer, *full, code_points);
  if (tokenizer.encode(text)->ids != full->ids) std::abort();
  tokenizer.decode(full->ids, false);
  const Truncation truncation{.max_length = max_length, .stride = stride};
  const auto cut = tokenizer.encode(
      text, {.truncation = truncation, .want_offsets = true, .want_overflow = true});
  if (!cut) return;
  if (cut->ids.size() > max_length) std::abort();
  check_shape(tokenizer, *cut, code_points);
  for (const Encoding& window : cut->overflowing) check_shape(tokenizer, window, code_points);
}

}  // namespace

/// An odd first byte: the rest is a tokenizer.json that is refused or works. An even one: the rest
/// is a text, cut to lengths that the next two bytes choose.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 3, size - 3);
  if (data[0] % 2 == 0) {
    constexpr std::array kTokenizers = {wordpiece, byte_level, unigram, byte_fallback, word_level};
    check_text(kTokenizers[data[0] / 2 % kTokenizers.size()](), rest, data[1], data[2] % 8);
    return 0;
  }
  const auto parsed = Tokenizer::parse(rest, "");
  if (!parsed) return 0;
  const auto encoding = (*parsed)->encode_pair("a b\u00E9", "[UNK] c", {.want_offsets = true});
  // A pattern may take too many steps.
  const std::string code = encoding ? "" : encoding.error().code;
  if (!encoding && code != "UNKNOWN_TEXT" && code != "BAD_TOKENIZER") std::abort();
  if (encoding) (*parsed)->decode(encoding->ids, true);
  return 0;
}
