#include "pipeline/text/tokenizer_config.h"

#include "pipeline/text/json_reader.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::pipeline {
namespace {

// The order in which transformers adds them.
constexpr auto kSpecialNames = std::to_array<std::string_view>(
    {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"});

/// Classes whose fast form takes lower case, accents and CJK from the settings. Source:
/// transformers 4.57, models/*/tokenization_*_fast.py.
constexpr auto kBertFamily = std::to_array<std::string_view>({"BertTokenizer",
                                                              "ConvBertTokenizer",
                                                              "DistilBertTokenizer",
                                                              "ElectraTokenizer",
                                                              "LayoutLMTokenizer",
                                                              "LxmertTokenizer",
                                                              "MobileBertTokenizer",
                                                              "MPNetTokenizer",
                                                              "SqueezeBertTokenizer"});

/// Classes whose fast form takes the trimming of offsets from the settings, too.
constexpr auto kRobertaFamily = std::to_array<std::string_view>(
    {"RobertaTokenizer", "BartTokenizer", "LongformerTokenizer", "LEDTokenizer"});

/// Classes with the special tokens of RoBERTa and a SentencePiece model.
constexpr auto kXlmRobertaFamily = std::to_array<std::string_view>(
    {"XLMRobertaTokenizer", "CamembertTokenizer", "MBartTokenizer"});

/// Classes that take the language of texts from the settings.
constexpr auto kMbartFamily =
    std::to_array<std::string_view>({"MBartTokenizer", "MBart50Tokenizer"});
constexpr std::string_view kLanguageByDefault = "en_XX";

/// Classes that build their template from the settings, with bos_token before a text or not where
/// the settings do not say. Source: transformers 4.57, update_post_processor.
constexpr auto kTemplateFamily =
    std::to_array<std::pair<std::string_view, bool>>({{"LlamaTokenizer", true},
                                                      {"GemmaTokenizer", true},
                                                      {"CohereTokenizer", true},
                                                      {"GPTNeoXTokenizer", false}});

/// Classes whose texts are filled up on the left where the settings do not say.
constexpr auto kPadsLeft =
    std::to_array<std::string_view>({"LlamaTokenizer", "GemmaTokenizer", "CohereTokenizer"});

/// Classes that refuse text which is cut into words unless add_prefix_space is set. Source:
/// transformers 4.57, _batch_encode_plus of models/*/tokenization_*_fast.py.
constexpr auto kWordsNeedSpace = std::to_array<std::string_view>({"BartTokenizer",
                                                                  "BlenderbotTokenizer",
                                                                  "BloomTokenizer",
                                                                  "CodeGenTokenizer",
                                                                  "CohereTokenizer",
                                                                  "DebertaTokenizer",
                                                                  "GPT2Tokenizer",
                                                                  "GPTNeoXTokenizer",
                                                                  "LEDTokenizer",
                                                                  "LongformerTokenizer",
                                                                  "MvpTokenizer",
                                                                  "RobertaTokenizer",
                                                                  "WhisperTokenizer"});

/// Classes whose models take no token types.
constexpr auto kWithoutTypes = std::to_array<std::string_view>(
    {"DistilBertTokenizer", "RobertaTokenizer", "BartTokenizer",       "LongformerTokenizer",
     "LEDTokenizer",        "GPT2Tokenizer",    "MPNetTokenizer",      "XLMRobertaTokenizer",
     "CamembertTokenizer",  "MBartTokenizer",   "MBart50Tokenizer",    "BarthezTokenizer",
     "PegasusTokenizer",    "T5Tokenizer",      "BlenderbotTokenizer", "BloomTokenizer",
     "CLIPTokenizer",       "CodeGenTokenizer", "CodeLlamaTokenizer",  "CohereTokenizer",
     "GemmaTokenizer",      "GPTNeoXTokenizer", "LlamaTokenizer",      "NllbTokenizer",
     "OpenAIGPTTokenizer",  "Qwen2Tokenizer",   "WhisperTokenizer"});

template <typename Names>
bool holds(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

struct ModelType {
  std::string_view model_type;
  std::string_view tokenizer_class;
};

/// Source: transformers 4.57, models/auto/tokenization_auto.py.
constexpr auto kModelTypes = std::to_array<ModelType>({{"albert", "AlbertTokenizer"},
                                                       {"bart", "BartTokenizer"},
                                                       {"bert", "BertTokenizer"},
                                                       {"bloom", "BloomTokenizer"},
                                                       {"camembert", "CamembertTokenizer"},
                                                       {"clip", "CLIPTokenizer"},
                                                       {"codegen", "CodeGenTokenizer"},
                                                       {"cohere", "CohereTokenizer"},
                                                       {"deberta-v2", "DebertaV2Tokenizer"},
                                                       {"distilbert", "DistilBertTokenizer"},
                                                       {"convbert", "ConvBertTokenizer"},
                                                       {"electra", "ElectraTokenizer"},
                                                       {"ernie", "BertTokenizer"},
                                                       {"gemma", "GemmaTokenizer"},
                                                       {"gemma2", "GemmaTokenizer"},
                                                       {"gpt2", "GPT2Tokenizer"},
                                                       {"gpt_neox", "GPTNeoXTokenizer"},
                                                       {"layoutlm", "LayoutLMTokenizer"},
                                                       {"llama", "LlamaTokenizer"},
                                                       {"lxmert", "LxmertTokenizer"},
                                                       {"mbart", "MBartTokenizer"},
                                                       {"megatron-bert", "BertTokenizer"},
                                                       {"mistral", "LlamaTokenizer"},
                                                       {"mobilebert", "MobileBertTokenizer"},
                                                       {"mpnet", "MPNetTokenizer"},
                                                       {"nezha", "BertTokenizer"},
                                                       {"openai-gpt", "OpenAIGPTTokenizer"},
                                                       {"opt", "GPT2Tokenizer"},
                                                       {"qwen2", "Qwen2Tokenizer"},
                                                       {"qwen3", "Qwen2Tokenizer"},
                                                       {"roberta", "RobertaTokenizer"},
                                                       {"squeezebert", "SqueezeBertTokenizer"},
                                                       {"t5", "T5Tokenizer"},
                                                       {"vilt", "BertTokenizer"},
                                                       {"visual_bert", "BertTokenizer"},
                                                       {"xlm-roberta", "XLMRobertaTokenizer"}});

// transformers takes anything above as "no limit".
constexpr double kUnlimited = 1e20;

std::string without_fast(std::string name) {
  constexpr std::string_view kFast = "Fast";
  if (name.ends_with(kFast)) name.resize(name.size() - kFast.size());
  return name;
}

AddedToken read_added(JsonReader& in, const Place& place, bool special) {
  const bool is_special = special || in.flag(in.child(place, "special"), false);
  return {.content = in.text(in.child(place, "content")),
          .single_word = in.flag(in.child(place, "single_word"), false),
          .lstrip = in.flag(in.child(place, "lstrip"), false),
          .rstrip = in.flag(in.child(place, "rstrip"), false),
          .normalized = in.flag(in.child(place, "normalized"), !is_special),
          .special = is_special};
}

SpecialToken read_special(JsonReader& in, const Place& place) {
  if (!place || !place.json->is_object()) return {in.text(place), std::nullopt};
  const AddedToken token = read_added(in, place, true);
  return {token.content, token};
}

void read_special_tokens(JsonReader& in, const Place& root, TokenizerConfig& config) {
  for (const std::string_view name : kSpecialNames) {
    const Place place = in.child(root, std::string(name));
    if (place) config.special[std::string(name)] = read_special(in, place);
  }
  const auto add_all = [&](const Place& place) {
    for (const auto& [key, value] : place.json->items()) {
      config.additional.push_back(read_special(in, {&value, place.pointer + "/" + key}));
    }
  };
  const Place additional = in.child(root, "additional_special_tokens");
  config.names_additional = config.names_additional || additional;
  if (additional && in.array(additional)) add_all(additional);
  const Place extra = in.child(root, "extra_special_tokens");
  if (extra && (extra.json->is_array() || in.object(extra))) add_all(extra);
}

void read_added_decoder(JsonReader& in, const Place& place, TokenizerConfig& config) {
  if (!in.object(place)) return;
  for (const auto& [key, value] : place.json->items()) {
    const Place token = in.child(place, key);
    std::int32_t id = -1;
    const auto [end, failure] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (failure != std::errc{} || end != key.data() + key.size() || id < 0) {
      return in.bad(token.pointer, "an id as key", "other text");
    }
    if (in.object(token)) config.added[id] = read_added(in, token, false);
  }
}

/// Special tokens that the settings name have the flags under which added_tokens_decoder has them.
void take_added_flags(JsonReader& in, const Place& root, TokenizerConfig& config) {
  for (const std::string_view name : kSpecialNames) {
    if (!in.child(root, std::string(name))) continue;
    SpecialToken& token = config.special.find(name)->second;
    for (const auto& [id, added] : config.added) {
      if (added.content != token.content) continue;
      token.flags = added;
      token.flags->special = true;
    }
  }
}

std::size_t read_max_length(JsonReader& in, const Place& place) {
  constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();
  if (!place) return kNoLimit;
  if (!place.json->is_number()) {
    in.bad(place.pointer, "a number", place.json->type_name());
    return kNoLimit;
  }
  const double length = place.json->get<double>();
  if (length > kUnlimited) return kNoLimit;
  if (length < 1 || std::floor(length) != length) {
    in.bad(place.pointer, "a whole number above 0", fmt::format("{}", length));
    return kNoLimit;
  }
  return length >= 1e18 ? kNoLimit : static_cast<std::size_t>(length);
}

std::optional<bool> read_side(JsonReader& in, const Place& place) {
  const auto side = in.optional_text(place);
  if (!side) return std::nullopt;
  if (*side != "left" && *side != "right") in.bad(place.pointer, "left or right", *side);
  return *side == "left";
}

std::string class_of(JsonReader& in, const Place& config, const Place& model) {
  if (auto name = in.optional_text(in.child(config, "tokenizer_class")))
    return without_fast(*std::move(name));
  if (auto name = in.optional_text(in.child(model, "tokenizer_class")))
    return without_fast(*std::move(name));
  const std::string type = in.optional_text(in.child(model, "model_type")).value_or("");
  const auto row = std::find_if(kModelTypes.begin(),
                                kModelTypes.end(),
                                [&](const ModelType& known) { return known.model_type == type; });
  return row != kModelTypes.end() ? std::string(row->tokenizer_class) : "PreTrainedTokenizer";
}

/// The special tokens of the classes of decoder-only models; an empty text: none.
struct DecoderTokens {
  std::string_view name;
  std::string_view bos;
  std::string_view eos;
  std::string_view unknown;
  std::string_view padding;
};

constexpr std::string_view kEndOfText = "<|endoftext|>";

/// Source: transformers 4.57, models/*/tokenization_*_fast.py.
constexpr auto kDecoderTokens = std::to_array<DecoderTokens>(
    {{"BloomTokenizer", "<s>", "</s>", "<unk>", "<pad>"},
     {"CLIPTokenizer", "<|startoftext|>", kEndOfText, kEndOfText, kEndOfText},
     {"CodeGenTokenizer", kEndOfText, kEndOfText, kEndOfText, ""},
     {"CohereTokenizer", "<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>", "<UNK>", ""},
     {"GemmaTokenizer", "<bos>", "<eos>", "<unk>", "<pad>"},
     {"GPT2Tokenizer", kEndOfText, kEndOfText, kEndOfText, ""},
     {"GPTNeoXTokenizer", kEndOfText, kEndOfText, kEndOfText, ""},
     {"LlamaTokenizer", "<s>", "</s>", "<unk>", ""},
     {"OpenAIGPTTokenizer", "", "", "<unk>", ""},
     {"Qwen2Tokenizer", "", kEndOfText, kEndOfText, kEndOfText},
     {"WhisperTokenizer", kEndOfText, kEndOfText, kEndOfText, ""}});

std::map<std::string, SpecialToken, std::less<>> tokens_of(const DecoderTokens& row) {
  std::map<std::string, SpecialToken, std::less<>> tokens;
  for (const auto& [name, token] : {std::pair{"bos_token", row.bos},
                                    std::pair{"eos_token", row.eos},
                                    std::pair{"unk_token", row.unknown},
                                    std::pair{"pad_token", row.padding}}) {
    if (!token.empty()) tokens[name] = {std::string(token), {}};
  }
  return tokens;
}

/// The special tokens that a class has where the settings name none.
std::map<std::string, SpecialToken, std::less<>> special_tokens_of(const std::string& name) {
  for (const DecoderTokens& row : kDecoderTokens) {
    if (row.name == name) return tokens_of(row);
  }
  if (name == "AlbertTokenizer" || name == "DebertaV2Tokenizer") {
    const bool albert = name == "AlbertTokenizer";
    return {{"bos_token", {"[CLS]", {}}},
            {"eos_token", {"[SEP]", {}}},
            {"unk_token", {albert ? "<unk>" : "[UNK]", {}}},
            {"sep_token", {"[SEP]", {}}},
            {"pad_token", {albert ? "<pad>" : "[PAD]", {}}},
            {"cls_token", {"[CLS]", {}}},
            {"mask_token", {"[MASK]", {}}}};
  }
  if (name == "T5Tokenizer") {
    return {
        {"eos_token", {"</s>", {}}}, {"unk_token", {"<unk>", {}}}, {"pad_token", {"<pad>", {}}}};
  }
  if (name == "MBart50Tokenizer") {
    return {{"eos_token", {"</s>", {}}},
            {"unk_token", {"<unk>", {}}},
            {"sep_token", {"</s>", {}}},
            {"pad_token", {"<pad>", {}}},
            {"cls_token", {"<s>", {}}},
            {"mask_token", {"<mask>", {}}}};
  }
  if (holds(kRobertaFamily, name) || holds(kXlmRobertaFamily, name) || name == "MPNetTokenizer") {
    return {{"bos_token", {"<s>", {}}},
            {"eos_token", {"</s>", {}}},
            {"unk_token", {name == "MPNetTokenizer" ? "[UNK]" : "<unk>", {}}},
            {"sep_token", {"</s>", {}}},
            {"pad_token", {"<pad>", {}}},
            {"cls_token", {"<s>", {}}},
            {"mask_token", {"<mask>", {}}}};
  }
  if (!holds(kBertFamily, name)) return {};
  return {{"unk_token", {"[UNK]", {}}},
          {"sep_token", {"[SEP]", {}}},
          {"pad_token", {"[PAD]", {}}},
          {"cls_token", {"[CLS]", {}}},
          {"mask_token", {"[MASK]", {}}}};
}

/// What the constructor of a class makes of a mask that is a bare text.
std::optional<AddedToken> mask_flags_of(const std::string& name) {
  if (name == "AlbertTokenizer")
    return AddedToken{.lstrip = true, .normalized = false, .special = true};
  if (holds(kRobertaFamily, name) || holds(kXlmRobertaFamily, name) || name == "MPNetTokenizer" ||
      name == "MBart50Tokenizer")
    return AddedToken{.lstrip = true, .special = true};
  return std::nullopt;
}

void apply_class(const std::string& name, TokenizerConfig& config) {
  config.tokenizer_class = name;
  config.bert_family = holds(kBertFamily, name);
  config.vocabulary_suffices = config.bert_family && name != "MPNetTokenizer";
  config.roberta_family = holds(kRobertaFamily, name);
  config.vocabulary_and_merges_suffice = config.roberta_family || name == "GPT2Tokenizer";
  if (holds(kMbartFamily, name)) config.language = kLanguageByDefault;
  config.language_leads = name == "MBart50Tokenizer";
  config.wants_type_ids = !holds(kWithoutTypes, name);
  if (holds(kPadsLeft, name)) config.pads_left = true;
  config.ends_words_with_space = name == "CLIPTokenizer";
  config.words_need_space = holds(kWordsNeedSpace, name);
  for (const auto& [known, adds_bos] : kTemplateFamily) {
    if (known != name) continue;
    config.builds_template = true;
    config.adds_bos = adds_bos;
  }
  config.special = special_tokens_of(name);
  if (const auto flags = mask_flags_of(name)) config.bare_flags["mask_token"] = *flags;
}

/// Before which words a space is thought, for classes that let the settings say so.
MetaspaceSpec::Prepends read_prepends(JsonReader& in, const Place& root, std::string_view name) {
  using Prepends = MetaspaceSpec::Prepends;
  if (name != "T5Tokenizer") return Prepends::always;
  if (!in.flag(in.child(root, "add_prefix_space"), true)) return Prepends::never;
  return in.flag(in.child(root, "legacy"), true) ? Prepends::always : Prepends::first;
}

void read_sentencepiece(JsonReader& in, const Place& root, TokenizerConfig& config) {
  constexpr std::int32_t kMostExtraIds = 100'000;
  config.keeps_accents = in.flag(in.child(root, "keep_accents"), false);
  config.splits_punctuation = in.flag(in.child(root, "split_by_punct"), false);
  config.prepends = read_prepends(in, root, config.tokenizer_class);
  if (const Place extra = in.child(root, "extra_ids"))
    config.extra_ids = static_cast<std::size_t>(in.number(extra, kMostExtraIds));
}

void read_input_names(JsonReader& in, const Place& place, TokenizerConfig& config) {
  if (!place || !in.array(place)) return;
  config.wants_type_ids =
      std::find(place.json->begin(), place.json->end(), "token_type_ids") != place.json->end();
}

/// What the classes of decoder-only models read besides.
void read_decoder_settings(JsonReader& in,
                           const Place& root,
                           const std::string& name,
                           TokenizerConfig& config) {
  config.adds_bos = in.flag(in.child(root, "add_bos_token"), config.adds_bos);
  config.adds_eos = in.flag(in.child(root, "add_eos_token"), config.adds_eos);
  // It takes a pair of texts for what stands before and after a gap.
  if (name == "CodeLlamaTokenizer") in.unsupported("/tokenizer_class", name, "LlamaTokenizer");
  const Place prefix = in.child(root, "add_prefix_space");
  if (name == "LlamaTokenizer") config.must_prefix_space = in.optional_flag(prefix);
  if (name == "BloomTokenizer" && in.flag(prefix, false))
    in.unsupported(prefix.pointer, "true", "false for this class");
}

void read_settings(JsonReader& in, const Place& root, const Place& model, TokenizerConfig& config) {
  const std::string name = class_of(in, root, model);
  apply_class(name, config);
  read_decoder_settings(in, root, name, config);
  read_input_names(in, in.child(root, "model_input_names"), config);
  config.model_max_length = read_max_length(in, in.child(root, "model_max_length"));
  config.truncates_left = read_side(in, in.child(root, "truncation_side"));
  if (const auto left = read_side(in, in.child(root, "padding_side"))) config.pads_left = left;
  config.do_lower_case =
      in.flag(in.child(root, "do_lower_case"), config.tokenizer_class != "DebertaV2Tokenizer");
  read_sentencepiece(in, root, config);
  config.strip_accents = in.optional_flag(in.child(root, "strip_accents"));
  config.tokenize_chinese_chars = in.flag(in.child(root, "tokenize_chinese_chars"), true);
  config.trims_offsets = in.flag(in.child(root, "trim_offsets"), true);
  config.adds_prefix_space = in.flag(in.child(root, "add_prefix_space"), false);
  config.cleans_up_spaces = in.flag(in.child(root, "clean_up_tokenization_spaces"), false);
  if (config.language) {
    if (auto named = in.optional_text(in.child(root, "src_lang"))) config.language = *named;
  }
  const Place plain = in.child(root, "split_special_tokens");
  if (in.flag(plain, false)) in.unsupported(plain.pointer, "true", "false");
}

/// added_tokens.json: token to id.
void read_added_tokens_file(JsonReader& in, const Place& root, TokenizerConfig& config) {
  if (!in.object(root)) return;
  const std::vector<SpecialToken> specials = config.all_special();
  const auto is_special = [&](const std::string& content) {
    return std::any_of(specials.begin(), specials.end(), [&](const SpecialToken& token) {
      return token.content == content;
    });
  };
  for (const auto& [content, id] : root.json->items()) {
    const bool special = is_special(content);
    const std::int32_t number = in.number({&id, "/" + content}, kMaxTokenId);
    config.added[number] = {.content = content, .normalized = !special, .special = special};
  }
}

Result<Json> parse(std::string_view text) {
  if (text.empty()) return Json(nullptr);
  return config::parse_json(text, config::JsonLimits::model_file());
}

}  // namespace

std::optional<std::string> TokenizerConfig::token(std::string_view name) const {
  const auto found = special.find(name);
  return found != special.end() ? std::optional(found->second.content) : std::nullopt;
}

std::vector<SpecialToken> TokenizerConfig::all_special() const {
  std::vector<SpecialToken> all;
  for (const std::string_view name : kSpecialNames) {
    const auto found = special.find(name);
    if (found == special.end()) continue;
    SpecialToken& token = all.emplace_back(found->second);
    const auto flags = bare_flags.find(name);
    if (token.flags || flags == bare_flags.end()) continue;
    token.flags = flags->second;
    token.flags->content = token.content;
  }
  all.insert(all.end(), additional.begin(), additional.end());
  return all;
}

Result<TokenizerConfig> read_tokenizer_config(const TokenizerConfigFiles& files) {
  auto settings = parse(files.tokenizer_config);
  if (!settings) return std::move(settings).error();
  auto model = parse(files.model_config);
  if (!model) return std::move(model).error();
  auto special_map = parse(files.special_tokens_map);
  if (!special_map) return std::move(special_map).error();
  auto added = parse(files.added_tokens);
  if (!added) return std::move(added).error();

  TokenizerConfig config;
  JsonReader in("tokenizer_config.json");
  const Place root{&*settings, ""};
  read_settings(in, root, {&*model, ""}, config);
  read_special_tokens(in, root, config);
  if (!in.ok()) return in.error();
  // With added_tokens_decoder the older files are not looked at.
  if (const Place decoder = in.child(root, "added_tokens_decoder")) {
    read_added_decoder(in, decoder, config);
    take_added_flags(in, root, config);
    if (!in.ok()) return in.error();
    return config;
  }
  if (!files.special_tokens_map.empty()) {
    JsonReader map_in("special_tokens_map.json");
    read_special_tokens(map_in, {&*special_map, ""}, config);
    if (!map_in.ok()) return map_in.error();
  }
  if (!files.added_tokens.empty()) {
    JsonReader added_in("added_tokens.json");
    read_added_tokens_file(added_in, {&*added, ""}, config);
    if (!added_in.ok()) return added_in.error();
  }
  return config;
}

}  // namespace millrace::pipeline
