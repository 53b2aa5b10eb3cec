#include "pipeline/text/sentencepiece_spec.h"

#include "config/base/utf8.h"
#include "pipeline/text/post_processor_json.h"
#include "pipeline/text/unicode.h"
#include "pipeline/text/unigram_json.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace millrace::pipeline {
namespace {

constexpr std::string_view kSpace = "\u2581";

// Of mBART, and after the first 25 those of mBART-50.
constexpr auto kLanguages = std::to_array<std::string_view>(
    {"ar_AR", "cs_CZ", "de_DE", "en_XX", "es_XX", "et_EE", "fi_FI", "fr_XX", "gu_IN",
     "hi_IN", "it_IT", "ja_XX", "kk_KZ", "ko_KR", "lt_LT", "lv_LV", "my_MM", "ne_NP",
     "nl_XX", "ro_RO", "ru_RU", "si_LK", "tr_TR", "vi_VN", "zh_CN", "af_ZA", "az_AZ",
     "bn_IN", "fa_IR", "he_IL", "hr_HR", "id_ID", "ka_GE", "km_KH", "mk_MK", "ml_IN",
     "mn_MN", "mr_IN", "pl_PL", "ps_AF", "pt_XX", "sv_SE", "sw_KE", "ta_IN", "te_IN",
     "th_TH", "tl_XX", "uk_UA", "ur_PK", "xh_ZA", "gl_ES", "sl_SI"});
constexpr std::size_t kLanguagesOfMbart = 25;

/// Where the pieces of the file stand in the vocabulary.
enum class Order : std::uint8_t {
  as_in_file,
  fairseq,    // <s> <pad> </s> <unk>, pieces from 3, languages, <mask>
  camembert,  // five tokens, pieces from 1, <mask>
  extra_ids   // pieces, then <extra_id_99> ... <extra_id_0>
};

enum class Scores : std::uint8_t { as_in_file, numbers_with_commas_last };

/// What is done to a text before it is cut.
enum class Normalizing : std::uint8_t { common, albert, deberta };

enum class Frame : std::uint8_t { roberta, bert, end, language };

/// How a class makes a tokenizer of its file.
struct Class {
  std::string_view name;
  std::string_view file;
  Order order;
  Scores scores;
  Normalizing normalizing;
  Frame frame;
  bool unknown_is_third = false;  // else trainer_spec.unk_id
  std::size_t languages = 0;
};

constexpr auto kClasses = std::to_array<Class>({
    {"XLMRobertaTokenizer",
     "sentencepiece.bpe.model",
     Order::fairseq,
     Scores::as_in_file,
     Normalizing::common,
     Frame::roberta,
     true},
    {"CamembertTokenizer",
     "sentencepiece.bpe.model",
     Order::camembert,
     Scores::as_in_file,
     Normalizing::common,
     Frame::roberta,
     true},
    {"MBartTokenizer",
     "sentencepiece.bpe.model",
     Order::fairseq,
     Scores::as_in_file,
     Normalizing::common,
     Frame::language,
     true,
     kLanguagesOfMbart},
    {"MBart50Tokenizer",
     "sentencepiece.bpe.model",
     Order::fairseq,
     Scores::as_in_file,
     Normalizing::common,
     Frame::language,
     true,
     kLanguages.size()},
    {"AlbertTokenizer",
     "spiece.model",
     Order::as_in_file,
     Scores::numbers_with_commas_last,
     Normalizing::albert,
     Frame::bert},
    {"DebertaV2Tokenizer",
     "spm.model",
     Order::as_in_file,
     Scores::as_in_file,
     Normalizing::deberta,
     Frame::bert},
    {"T5Tokenizer",
     "spiece.model",
     Order::extra_ids,
     Scores::as_in_file,
     Normalizing::common,
     Frame::end},
});

const Class* find_class(std::string_view name) {
  const auto found = std::find_if(
      kClasses.begin(), kClasses.end(), [&](const Class& known) { return known.name == name; });
  return found != kClasses.end() ? &*found : nullptr;
}

Error bad_file(const std::string& file, std::string_view what) {
  return error(Errc::invalid_input, "BAD_TOKENIZER", fmt::format("{}: {}", file, what));
}

/// A number that ends with a comma. Other tokenizers of the class cut these in two.
bool is_number_with_comma(std::string_view piece) {
  if (!piece.ends_with(',') || piece.size() < 2) return false;
  std::size_t last = piece.size() - 2;
  while (last > 0 && (static_cast<unsigned char>(piece[last]) & 0xC0U) == 0x80U) --last;
  return unicode::is_digit(config::decode_utf8(piece.substr(last)).code_point);
}

void put(std::string_view piece, double score, UnigramSpec& unigram) {
  unigram.pieces.emplace_back(piece);
  unigram.scores.push_back(score);
}

void put_pieces(const SentencePieceModel& model,
                std::size_t first,
                Scores scores,
                UnigramSpec& unigram) {
  constexpr double kLower = 100;
  for (std::size_t id = first; id < model.pieces.size(); ++id) {
    const SentencePieceModel::Piece& piece = model.pieces[id];
    const bool lower =
        scores == Scores::numbers_with_commas_last && is_number_with_comma(piece.text);
    put(piece.text, static_cast<double>(piece.score) - (lower ? kLower : 0), unigram);
  }
}

UnigramSpec vocabulary_of(const Class& of, const SentencePieceModel& model, std::size_t extra_ids) {
  UnigramSpec unigram;
  unigram.pieces.reserve(model.pieces.size() + 128);
  unigram.scores.reserve(model.pieces.size() + 128);
  std::size_t first = 0;
  if (of.order == Order::fairseq) {
    for (const char* token : {"<s>", "<pad>", "</s>", "<unk>"}) put(token, 0, unigram);
    first = 3;
  } else if (of.order == Order::camembert) {
    for (const char* token : {"<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>"})
      put(token, 0, unigram);
    put("<unk>NOTUSED", -100, unigram);
    first = 1;
  }
  put_pieces(model, first, of.scores, unigram);
  if (of.order == Order::extra_ids) {
    for (std::size_t id = extra_ids; id > 0; --id)
      put(fmt::format("<extra_id_{}>", id - 1), 0, unigram);
  }
  for (const std::string_view language : std::span(kLanguages).first(of.languages))
    put(language, 0, unigram);
  if (of.order == Order::fairseq || of.order == Order::camembert) put("<mask>", 0, unigram);
  return unigram;
}

using Steps = std::vector<NormalizerSteps::Step>;

void put_albert_steps(const TokenizerConfig& config, Steps& steps) {
  steps.emplace_back(NormalizerSteps::Replace{U"``", U"\""});
  steps.emplace_back(NormalizerSteps::Replace{U"''", U"\""});
  if (!config.keeps_accents) {
    steps.emplace_back(NormalizerSteps::DecomposeCompatibly{});
    steps.emplace_back(NormalizerSteps::StripAccents{});
  }
  if (config.do_lower_case) steps.emplace_back(NormalizerSteps::Lowercase{});
}

Steps normalizer_of(const Class& of, const TokenizerConfig& config, std::optional<Charsmap> map) {
  Steps steps;
  if (of.normalizing == Normalizing::albert) {
    put_albert_steps(config, steps);
  } else if (of.normalizing == Normalizing::deberta) {
    if (config.do_lower_case) steps.emplace_back(NormalizerSteps::Lowercase{});
    steps.emplace_back(NormalizerSteps::Strip{});
  }
  if (map) steps.emplace_back(*std::move(map));
  if (of.normalizing == Normalizing::common) {
    steps.emplace_back(NormalizerSteps::Strip{.left = false, .right = true});
    steps.emplace_back(NormalizerSteps::ReplaceSpaces{U"\u2581"});
  } else {
    steps.emplace_back(NormalizerSteps::ReplaceSpaces{U" "});
  }
  return steps;
}

/// Control pieces and those that the user defined are found in texts before they are cut.
std::vector<AddedToken> added_of(const SentencePieceModel& model) {
  using Type = SentencePieceModel::Type;
  std::vector<AddedToken> added;
  for (const SentencePieceModel::Piece& piece : model.pieces) {
    if (piece.type != Type::control && piece.type != Type::user_defined) continue;
    added.push_back(
        {.content = piece.text, .normalized = false, .special = piece.type == Type::control});
  }
  return added;
}

std::optional<NamedTemplate> template_of(Frame frame) {
  switch (frame) {
    case Frame::roberta:
      return NamedTemplate{.begin = "<s>", .end = "</s>", .ends_twice = true};
    case Frame::bert:
      return NamedTemplate{.begin = "[CLS]", .end = "[SEP]", .second_type = 1};
    case Frame::end:
      return NamedTemplate{.begin = "", .end = "</s>"};
    case Frame::language:
      break;
  }
  return std::nullopt;
}

void add_where_missing(std::string content, TokenizerConfig& config) {
  const bool there = std::any_of(
      config.additional.begin(), config.additional.end(), [&](const SpecialToken& token) {
        return token.content == content;
      });
  if (!there) config.additional.push_back({std::move(content), std::nullopt});
}

void set_special_tokens(const Class& of, TokenizerConfig& config) {
  // Slow forms differ from fast ones in where they look for these tokens.
  const std::string_view name = of.name;
  if (name == "XLMRobertaTokenizer" || name == "CamembertTokenizer" || name == "MBartTokenizer")
    config.bare_flags["mask_token"].normalized = false;
  if (name == "DebertaV2Tokenizer")
    config.bare_flags["unk_token"] = {.normalized = true, .special = true};
  if (name == "CamembertTokenizer" && !config.names_additional) {
    for (const char* token : {"<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED"})
      add_where_missing(token, config);
  }
  for (const std::string_view language : std::span(kLanguages).first(of.languages))
    add_where_missing(std::string(language), config);
}

/// The tokens that stand for left out stretches of a text.
Result<void> set_extra_ids(TokenizerConfig& config) {
  const auto given = static_cast<std::size_t>(std::count_if(
      config.additional.begin(), config.additional.end(), [](const SpecialToken& token) {
        return token.content.find("<extra_id_") != std::string::npos;
      }));
  if (given > 0 && config.extra_ids > 0 && given != config.extra_ids)
    return error(Errc::invalid_input,
                 "BAD_TOKENIZER",
                 fmt::format("tokenizer_config.json: extra_ids is {}, additional_special_tokens "
                             "names {} of them",
                             config.extra_ids,
                             given));
  for (std::size_t id = 0; given == 0 && id < config.extra_ids; ++id)
    add_where_missing(fmt::format("<extra_id_{}>", id), config);
  return {};
}

}  // namespace

std::optional<std::string> sentencepiece_file_of(std::string_view tokenizer_class) {
  const Class* const found = find_class(tokenizer_class);
  return found != nullptr ? std::optional(std::string(found->file)) : std::nullopt;
}

std::string sentencepiece_classes() {
  std::string names;
  for (const Class& known : kClasses) {
    if (!names.empty()) names += ", ";
    names += known.name;
  }
  return names;
}

Result<TokenizerSpec> sentencepiece_spec(SentencePieceModel model,
                                         const std::string& file,
                                         TokenizerConfig& config) {
  const Class& of = *find_class(config.tokenizer_class);
  if (model.kind != SentencePieceModel::Kind::unigram)
    return error(Errc::unsupported,
                 "UNSUPPORTED_TOKENIZER",
                 fmt::format("{}: found model_type {}; supported: 1 (Unigram). Save the fast "
                             "tokenizer once: "
                             "AutoTokenizer.from_pretrained(folder).save_pretrained(folder)",
                             file,
                             static_cast<int>(model.kind)));
  std::optional<Charsmap> map;
  if (!model.charsmap.empty()) {
    map = Charsmap::read(model.charsmap);
    if (!map) return bad_file(file, "normalizer_spec.precompiled_charsmap is no character map");
  }
  set_special_tokens(of, config);
  if (of.order == Order::extra_ids) {
    if (auto set = set_extra_ids(config); !set) return std::move(set).error();
  }
  UnigramSpec unigram = vocabulary_of(of, model, config.extra_ids);
  unigram.unknown_id = of.unknown_is_third ? 3 : model.unknown_id;
  if (*unigram.unknown_id < 0 ||
      static_cast<std::size_t>(*unigram.unknown_id) >= unigram.pieces.size())
    return bad_file(file,
                    fmt::format("trainer_spec.unk_id is {}, but there are {} pieces",
                                *unigram.unknown_id,
                                unigram.pieces.size()));
  TokenizerSpec spec;
  spec.added = added_of(model);
  spec.normalizer_steps = normalizer_of(of, config, std::move(map));
  if (of.normalizing == Normalizing::deberta && config.splits_punctuation)
    spec.steps.emplace_back(PreTokenizer::Step::punctuation);
  spec.steps.emplace_back(
      MetaspaceSpec{.replacement = std::string(kSpace), .prepends = config.prepends});
  spec.decoder = {
      Decoder::Metaspace{.replacement = std::string(kSpace),
                         .drops_first = config.prepends != MetaspaceSpec::Prepends::never}};
  set_plain_template(spec);
  spec.named_template = template_of(of.frame);
  set_unigram(std::move(unigram), spec);
  return spec;
}

}  // namespace millrace::pipeline
