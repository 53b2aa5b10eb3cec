#include "config/base/limits.h"
#include "config/base/utf8.h"
#include "pipeline/text/byte_level.h"
#include "pipeline/text/sentencepiece.h"
#include "pipeline/text/sentencepiece_spec.h"
#include "pipeline/text/tokenizer.h"
#include "pipeline/text/tokenizer_parts.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <set>
#include <system_error>
#include <tuple>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

namespace millrace::pipeline {
namespace {

enum class Missing : std::uint8_t { allowed, error };

Result<std::string> read_file(const std::filesystem::path& path, Missing missing) {
  constexpr std::size_t kMaxBytes = config::kMaxTokenizerJsonBytes;
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const std::string name = path.filename().string();
  if (!file) {
    if (missing == Missing::allowed) return std::string();
    return error(
        Errc::not_found,
        "NO_FILE",
        fmt::format("the model folder has no readable {}; expected tokenizer.json, vocab.txt, "
                    "vocab.json and merges.txt, or the SentencePiece file of the tokenizer's class",
                    name));
  }
  const auto size = static_cast<std::streamoff>(file.tellg());
  if (size < 0 || static_cast<std::size_t>(size) > kMaxBytes) {
    return error(Errc::invalid_input,
                 "TOO_LARGE",
                 fmt::format("{}: expected at most {} bytes, found {}", name, kMaxBytes, size));
  }
  std::string text(static_cast<std::size_t>(size), '\0');
  file.seekg(0);
  file.read(text.data(), static_cast<std::streamsize>(size));
  if (file.gcount() != size)
    return error(Errc::invalid_input, "BAD_FILE", fmt::format("{} cannot be read", name));
  return text;
}

/// Files that are not there count as empty.
Result<TokenizerConfig> read_settings(const std::filesystem::path& root) {
  auto settings = read_file(root / "tokenizer_config.json", Missing::allowed);
  if (!settings) return std::move(settings).error();
  auto special_map = read_file(root / "special_tokens_map.json", Missing::allowed);
  if (!special_map) return std::move(special_map).error();
  auto added = read_file(root / "added_tokens.json", Missing::allowed);
  if (!added) return std::move(added).error();
  auto model = read_file(root / "config.json", Missing::allowed);
  if (!model) return std::move(model).error();
  return read_tokenizer_config({*settings, *special_map, *added, *model});
}

using Ids = CharacterBpe::Vocabulary;

Error bad_tokenizer(std::string message) {
  return error(Errc::invalid_input, "BAD_TOKENIZER", std::move(message));
}

/// Adds the tokens of both files as transformers does: tokenizer.json first, then what the settings
/// name besides.
void add_tokens(const TokenizerSpec& spec, const TokenizerConfig& config, AddedVocabulary& added) {
  for (const AddedToken& token : spec.added) added.add(token);
  const std::vector<SpecialToken> specials = config.all_special();
  const auto is_special = [&](const std::string& content) {
    return std::any_of(specials.begin(), specials.end(), [&](const auto& token) {
      return token.content == content;
    });
  };
  for (const auto& [id, token] : config.added) {
    AddedToken copy = token;
    copy.special = token.special || is_special(token.content);
    added.add(copy);
  }
  for (const SpecialToken& token : specials) {
    if (!token.flags && added.holds(token.content)) continue;
    added.add(token.flags.value_or(
        AddedToken{.content = token.content, .normalized = false, .special = true}));
  }
}

using Normalize = std::function<bool(std::string_view, Normalized&)>;

Result<AddedTokenFinder> find_added(const AddedVocabulary& added,
                                    bool normalized,
                                    bool specials,
                                    const Normalize& normalize) {
  std::vector<std::pair<std::string, std::int32_t>> patterns;
  Normalized buffer;
  for (const AddedToken& token : added.patterns()) {
    if (token.normalized != normalized || (token.special && !specials)) continue;
    std::string bytes = token.content;
    if (normalized) {
      if (!normalize(token.content, buffer))
        return bad_tokenizer("/normalizer: a pattern of it takes too many steps");
      bytes = buffer.view();
    }
    if (bytes.empty()) {
      return error(Errc::unsupported,
                   "UNSUPPORTED_TOKENIZER",
                   fmt::format("the added token with id {} is empty after normalisation; set its "
                               "normalized to false",
                               added.id_of(token.content).value_or(-1)));
    }
    patterns.emplace_back(std::move(bytes), *added.id_of(token.content));
  }
  if (patterns.empty()) return AddedTokenFinder();
  return AddedTokenFinder::build(patterns, added.by_id());
}

Result<ByteTrie> build_trie(const TokenizerSpec& spec) {
  std::vector<std::pair<std::string_view, std::int32_t>> keys;
  for (const auto& [token, id] : spec.vocabulary) {
    if (!token.empty()) keys.emplace_back(token, id);
  }
  auto trie = ByteTrie::build(std::move(keys));
  if (!trie) {
    return error(Errc::unsupported,
                 "UNSUPPORTED_TOKENIZER",
                 "the vocabulary needs more than 4 million trie nodes");
  }
  return *std::move(trie);
}

NormalizerOptions normalizer_options(const TokenizerSpec& spec, const TokenizerConfig& config) {
  if (!spec.normalizer) return {};
  BertNormalizerSpec normalizer = *spec.normalizer;
  if (config.bert_family) {
    normalizer.lowercase = config.do_lower_case;
    normalizer.strip_accents = config.strip_accents;
    normalizer.handle_chinese_chars = config.tokenize_chinese_chars;
  }
  return normalizer.options();
}

std::vector<std::string> names_by_id(const TokenizerSpec& spec, const AddedVocabulary& added) {
  std::int32_t top = -1;
  for (const auto& [token, id] : spec.vocabulary) top = std::max(top, id);
  if (!added.by_id().empty()) top = std::max(top, added.by_id().rbegin()->first);
  std::vector<std::string> names;
  // The vocabulary lacks all but the last of equal pieces; they have a name all the same.
  if (spec.unigram) names = spec.unigram->pieces;
  names.resize(std::max(names.size(), static_cast<std::size_t>(top + 1)));
  for (const auto& [token, id] : spec.vocabulary) names[static_cast<std::size_t>(id)] = token;
  for (const auto& [id, token] : added.by_id()) names[static_cast<std::size_t>(id)] = token.content;
  return names;
}

/// The tokens of all bytes as byte-level BPE writes them; nothing where one has none.
std::optional<std::array<std::int32_t, 256>> byte_ids(const Ids& ids) {
  std::array<std::int32_t, 256> found{};
  for (unsigned byte = 0; byte < found.size(); ++byte) {
    std::string character;
    config::append_utf8(byte_character(static_cast<std::uint8_t>(byte)), character);
    const auto id = ids.find(character);
    if (id == ids.end()) return std::nullopt;
    found[byte] = id->second;
  }
  return found;
}

/// The tokens of the byte-level family, where texts reach the model as bytes and all have a token.
std::optional<std::array<std::int32_t, 256>> byte_level_ids(const TokenizerSpec& spec,
                                                            const Ids& ids) {
  const bool writes_bytes = !spec.steps.empty() &&
                            std::holds_alternative<PreTokenizerSteps::ByteLevel>(spec.steps.back());
  if (!spec.bpe || !writes_bytes || !spec.bpe->prefix.empty() || !spec.bpe->suffix.empty())
    return std::nullopt;
  return byte_ids(ids);
}

Result<std::vector<BpeMerges::Merge>> read_merges(const BpeSpec& spec, const Ids& ids) {
  std::vector<BpeMerges::Merge> merges;
  for (const auto& [left, right] : spec.merges) {
    // What is joined to a word loses the mark of a piece inside of it.
    const bool marked = right.size() >= spec.prefix.size();
    const auto a = ids.find(left);
    const auto b = ids.find(right);
    const auto joined = marked ? ids.find(left + right.substr(spec.prefix.size())) : ids.end();
    if (a == ids.end() || b == ids.end() || joined == ids.end()) {
      return bad_tokenizer(fmt::format(
          "tokenizer.json /model/merges/{}: the vocabulary lacks a token of it", merges.size()));
    }
    merges.push_back({a->second, b->second, joined->second});
  }
  return merges;
}

Bpe build_bpe(const BpeSpec& spec,
              const std::array<std::int32_t, 256>& bytes,
              const std::vector<BpeMerges::Merge>& merges,
              const Ids& ids) {
  std::unordered_map<std::string, std::int32_t> words;
  for (const auto& [token, id] : ids) {
    if (!spec.ignores_merges) break;
    if (auto word = bytes_of_characters(token)) words.emplace(*std::move(word), id);
  }
  return Bpe(bytes, merges, std::move(words));
}

CharacterBpe build_character_bpe(const BpeSpec& spec,
                                 const std::vector<BpeMerges::Merge>& merges,
                                 const Ids& ids) {
  return CharacterBpe(ids,
                      merges,
                      {.prefix = spec.prefix,
                       .suffix = spec.suffix,
                       .unknown_token = spec.unknown_token,
                       .fuses_unknown = spec.fuses_unknown,
                       .falls_back_to_bytes = spec.falls_back_to_bytes,
                       .knows_words = spec.ignores_merges});
}

Result<std::optional<std::array<std::int32_t, 256>>> fallback_bytes(const UnigramSpec& spec,
                                                                    const Ids& ids) {
  std::array<std::int32_t, 256> found{};
  if (!spec.falls_back_to_bytes) return std::optional<std::array<std::int32_t, 256>>();
  for (unsigned byte = 0; byte < found.size(); ++byte) {
    const auto id = ids.find(fmt::format("<0x{:02X}>", byte));
    if (id == ids.end()) {
      return error(Errc::unsupported,
                   "UNSUPPORTED_TOKENIZER",
                   fmt::format("tokenizer.json /model/vocab: no piece <0x{:02X}>; supported: "
                               "byte_fallback with all 256 bytes",
                               byte));
    }
    found[byte] = id->second;
  }
  return std::optional(found);
}

/// Takes the scores out of `spec`.
Result<Unigram> build_unigram(TokenizerSpec& spec, const Ids& ids) {
  auto trie = build_trie(spec);
  if (!trie) return std::move(trie).error();
  auto bytes = fallback_bytes(*spec.unigram, ids);
  if (!bytes) return std::move(bytes).error();
  return Unigram(*std::move(trie),
                 std::move(spec.unigram->scores),
                 {.unknown_id = spec.unigram->unknown_id, .byte_ids = *bytes});
}

bool splits_white_space(const PreTokenizerSteps::Step& step) {
  const auto* simple = std::get_if<PreTokenizer::Step>(&step);
  return simple != nullptr && *simple == PreTokenizer::Step::whitespace_split;
}

/// Whether the steps are Metaspace, which may follow on splitting at white space.
bool are_metaspace(const std::vector<PreTokenizerSteps::Step>& steps) {
  return !steps.empty() && std::holds_alternative<MetaspaceSpec>(steps.back()) &&
         std::all_of(steps.begin(), steps.end() - 1, splits_white_space);
}

/// The steps, where all of them judge single characters.
std::optional<std::vector<PreTokenizer::Step>> simple_steps(
    const std::vector<PreTokenizerSteps::Step>& steps) {
  std::vector<PreTokenizer::Step> simple;
  for (const PreTokenizerSteps::Step& step : steps) {
    const auto* one = std::get_if<PreTokenizer::Step>(&step);
    if (one == nullptr) return std::nullopt;
    simple.push_back(*one);
  }
  return simple;
}

/// Whether the steps are what ByteLevelSplitter does.
bool are_byte_level(const std::vector<PreTokenizerSteps::Step>& steps) {
  if (steps.size() != 1) return false;
  const auto* only = std::get_if<PreTokenizerSteps::ByteLevel>(&steps.front());
  return only != nullptr && only->splits;
}

/// Makes the template of the tokens that `named` names. ids: of a token.
template <typename IdOf>
Result<void> put_named(const NamedTemplate& named, IdOf id_of, TokenizerSpec& spec) {
  std::vector<std::int32_t> begin;
  std::vector<std::int32_t> end;
  for (auto [token, ids] : {std::pair(&named.begin, &begin), {&named.end, &end}}) {
    if (token->empty()) continue;
    const auto id = id_of(*token);
    if (!id)
      return bad_tokenizer(
          fmt::format("the vocabulary lacks {}, which the class puts around texts; "
                      "name it in tokenizer_config.json or copy the files anew",
                      *token));
    ids->push_back(*id);
  }
  spec.single.clear();
  if (!begin.empty()) spec.single.push_back({-1, begin, 0});
  spec.single.push_back({0, {}, 0});
  spec.single.push_back({-1, end, 0});
  spec.pair = spec.single;
  if (named.ends_twice) spec.pair.push_back({-1, end, 0});
  spec.pair.push_back({1, {}, named.second_type});
  spec.pair.push_back({-1, end, named.second_type});
  return {};
}

/// Makes the template of a class that takes the language from the settings. ids: of a token.
/// Source: transformers 4.57, tokenization_mbart_fast.py and tokenization_mbart50_fast.py,
/// set_src_lang_special_tokens().
template <typename IdOf>
Result<void> put_language(const TokenizerConfig& config, IdOf id_of, TokenizerSpec& spec) {
  const std::string end = config.token("eos_token").value_or("</s>");
  const auto end_id = id_of(end);
  const auto language_id = id_of(*config.language);
  for (const auto& [id, token] : {std::pair(end_id, end), {language_id, *config.language}}) {
    if (id) continue;
    return bad_tokenizer(
        fmt::format("tokenizer_config.json: the vocabulary lacks {}, which the template of mBART's "
                    "texts needs; src_lang names the language",
                    config::escape_line(token, 60)));
  }
  const TemplatePiece before = {-1, {*language_id}, 0};
  const TemplatePiece behind = {-1, {*end_id}, 0};
  const TemplatePiece both_behind = {-1, {*end_id, *language_id}, 0};
  if (config.language_leads) {
    spec.single = {before, {0, {}, 0}, behind};
    spec.pair = {before, {0, {}, 0}, {1, {}, 0}, behind};
  } else {
    spec.single = {{0, {}, 0}, both_behind};
    spec.pair = {{0, {}, 0}, {1, {}, 0}, both_behind};
  }
  return {};
}

/// How many characters of white space stand at the ends of each token, as offsets are trimmed.
std::vector<Trim> trims(const std::vector<std::string>& tokens) {
  std::vector<Trim> found;
  for (const std::string& token : tokens) found.push_back(Template::trim_of(token));
  return found;
}

/// Puts bos_token and eos_token around texts as a class says, whatever the file does.
Result<void> rebuild_template(const TokenizerConfig& config,
                              const std::function<std::optional<std::int32_t>(const char*)>& id_of,
                              TokenizerSpec& spec) {
  std::vector<std::int32_t> before;
  std::vector<std::int32_t> after;
  for (const auto& [name, wanted, ids] : {std::tuple{"bos_token", config.adds_bos, &before},
                                          std::tuple{"eos_token", config.adds_eos, &after}}) {
    if (!wanted) continue;
    const auto id = id_of(name);
    if (!id) {
      return bad_tokenizer(
          fmt::format("tokenizer_config.json: add_{} is true and there is none; name one", name));
    }
    ids->push_back(*id);
  }
  spec.single.clear();
  spec.pair.clear();
  for (const int text : {0, 1}) {
    for (const TemplatePiece& piece : {TemplatePiece{-1, before, text},
                                       TemplatePiece{text, {}, text},
                                       TemplatePiece{-1, after, text}}) {
      if (piece.text < 0 && piece.special_ids.empty()) continue;
      if (text == 0) spec.single.push_back(piece);
      spec.pair.push_back(piece);
    }
  }
  spec.trims_offsets.reset();
  return {};
}

/// Whether a space is put before every text.
bool puts_space_before(const TokenizerSpec& spec) {
  const auto prepends = [](const NormalizerSteps::Step& step) {
    return std::holds_alternative<NormalizerSteps::Prepend>(step);
  };
  const auto marks = [](const PreTokenizerSteps::Step& step) {
    const auto* metaspace = std::get_if<MetaspaceSpec>(&step);
    return metaspace != nullptr && metaspace->prepends != MetaspaceSpec::Prepends::never;
  };
  return std::any_of(spec.normalizer_steps.begin(), spec.normalizer_steps.end(), prepends) ||
         std::any_of(spec.steps.begin(), spec.steps.end(), marks);
}

/// The name of a SentencePiece file in a folder.
std::optional<std::string> any_sentencepiece(const std::filesystem::path& root) {
  std::error_code unreadable;
  for (const char* name : {"sentencepiece.bpe.model",
                           "spiece.model",
                           "spm.model",
                           "tokenizer.model",
                           "sentencepiece.model"}) {
    if (std::filesystem::exists(root / name, unreadable)) return name;
  }
  return std::nullopt;
}

/// Why a SentencePiece file is not read. wanted: the file that the class reads, if it is one.
Error unread_sentencepiece(const std::string& file,
                           const std::string& tokenizer_class,
                           const std::optional<std::string>& wanted) {
  if (wanted)
    return error(Errc::not_found,
                 "NO_FILE",
                 fmt::format("{} reads {}, but the folder has {}; rename it, or name the right "
                             "tokenizer_class in tokenizer_config.json",
                             tokenizer_class,
                             *wanted,
                             file));
  return error(Errc::unsupported,
               "UNSUPPORTED_TOKENIZER",
               fmt::format("the folder has {} and no tokenizer.json, and its tokenizer is a {}; "
                           "supported without tokenizer.json: {}. Save the fast tokenizer once: "
                           "AutoTokenizer.from_pretrained(folder).save_pretrained(folder)",
                           file,
                           config::escape_line(tokenizer_class, 60),
                           sentencepiece_classes()));
}

std::set<std::int32_t> special_ids(const AddedVocabulary& added) {
  std::set<std::int32_t> ids;
  for (const AddedToken& token : added.patterns()) {
    if (token.special) ids.insert(*added.id_of(token.content));
  }
  return ids;
}

}  // namespace

/// How texts are cut into words and pieces: in the fastest of the ways that do what the file says.
struct Tokenizer::Parts::Cutting {
  PreTokenizer pre_tokenizer{{}};
  WordPiece model{ByteTrie(), "", -1, 0};
  std::optional<ByteLevel> byte_level;
  std::optional<SentencePiece> sentence_piece;
  std::optional<Stepped> stepped;
};

Result<Tokenizer::Parts::Cutting> Tokenizer::Parts::cut_as_bpe(TokenizerSpec& spec,
                                                               const Ids& ids) {
  using LastBytes = PreTokenizerSteps::LastBytes;
  auto merges = read_merges(*spec.bpe, ids);
  if (!merges) return std::move(merges).error();
  Cutting made;
  const auto bytes = byte_level_ids(spec, ids);
  if (!bytes) {
    made.stepped.emplace(Stepped{{std::move(spec.steps), LastBytes::written},
                                 build_character_bpe(*spec.bpe, *merges, ids)});
    return made;
  }
  Bpe model = build_bpe(*spec.bpe, *bytes, *merges, ids);
  if (are_byte_level(spec.steps)) {
    const auto& step = std::get<PreTokenizerSteps::ByteLevel>(spec.steps.front());
    made.byte_level.emplace(ByteLevel{step.adds_prefix_space, {}, std::move(model)});
  } else {
    made.stepped.emplace(Stepped{{std::move(spec.steps), LastBytes::kept}, std::move(model)});
  }
  return made;
}

Result<Tokenizer::Parts::Cutting> Tokenizer::Parts::cut_as_unigram(TokenizerSpec& spec,
                                                                   const Ids& ids) {
  auto model = build_unigram(spec, ids);
  if (!model) return std::move(model).error();
  Cutting made;
  if (are_metaspace(spec.steps)) {
    made.sentence_piece.emplace(
        SentencePiece{.metaspace = std::get<MetaspaceSpec>(spec.steps.back()),
                      .splits_white_space_first = spec.steps.size() > 1,
                      .white_space = PreTokenizer({PreTokenizer::Step::whitespace_split}),
                      .model = *std::move(model)});
  } else {
    made.stepped.emplace(
        Stepped{{std::move(spec.steps), PreTokenizerSteps::LastBytes::written}, *std::move(model)});
  }
  return made;
}

Result<Tokenizer::Parts::Cutting> Tokenizer::Parts::cut_as_word_piece(TokenizerSpec& spec,
                                                                      const Ids& ids) {
  const auto unknown = ids.find(spec.unknown_token);
  if (unknown == ids.end()) {
    return bad_tokenizer(
        "/model/unk_token: the vocabulary lacks the unknown token; add it to /model/vocab");
  }
  auto trie = build_trie(spec);
  if (!trie) return std::move(trie).error();
  WordPiece model(*std::move(trie), spec.prefix, unknown->second, spec.max_word_chars);
  Cutting made;
  if (const auto simple = simple_steps(spec.steps)) {
    made.pre_tokenizer = PreTokenizer(*simple);
    made.model = std::move(model);
  } else {
    made.stepped.emplace(
        Stepped{{std::move(spec.steps), PreTokenizerSteps::LastBytes::written}, std::move(model)});
  }
  return made;
}

/// Takes what it needs out of `spec`.
Result<Tokenizer::Parts::Cutting> Tokenizer::Parts::build_cutting(TokenizerSpec& spec,
                                                                  const Ids& ids) {
  if (spec.bpe) return cut_as_bpe(spec, ids);
  if (spec.unigram) return cut_as_unigram(spec, ids);
  if (!spec.word_level) return cut_as_word_piece(spec, ids);
  const auto unknown = ids.find(spec.unknown_token);
  Cutting made;
  made.stepped.emplace(
      Stepped{{std::move(spec.steps), PreTokenizerSteps::LastBytes::written},
              WordLevel({ids.begin(), ids.end()},
                        unknown != ids.end() ? std::optional(unknown->second) : std::nullopt)});
  return made;
}

Result<std::unique_ptr<const Tokenizer::Parts>> Tokenizer::Parts::build(TokenizerSpec spec,
                                                                        TokenizerConfig config) {
  Ids ids(spec.vocabulary.begin(), spec.vocabulary.end());
  const std::size_t model_size = spec.unigram ? spec.unigram->pieces.size() : ids.size();
  if (spec.may_add_prefix_space)
    std::get<PreTokenizerSteps::ByteLevel>(spec.steps.front()).adds_prefix_space =
        config.adds_prefix_space;
  if (config.must_prefix_space.value_or(puts_space_before(spec)) != puts_space_before(spec)) {
    return error(Errc::unsupported,
                 "UNSUPPORTED_TOKENIZER",
                 "tokenizer_config.json /add_prefix_space: found another value than tokenizer.json "
                 "was made with; save the tokenizer again");
  }
  const std::string suffix =
      config.ends_words_with_space && spec.bpe ? spec.bpe->suffix : std::string();
  auto cutting = build_cutting(spec, ids);
  if (!cutting) return std::move(cutting).error();
  const auto model_id = [&ids](std::string_view token) -> std::optional<std::int32_t> {
    const auto found = ids.find(token);
    return found != ids.end() ? std::optional(found->second) : std::nullopt;
  };
  AddedVocabulary added(model_id, model_size);
  add_tokens(spec, config, added);
  Normalizer normalizer(normalizer_options(spec, config));
  std::optional<NormalizerSteps> steps;
  if (!spec.normalizer_steps.empty()) steps.emplace(std::move(spec.normalizer_steps));
  const auto normalize = [&](std::string_view text, Normalized& out) {
    if (steps) return steps->normalize(text, 0, out);
    normalizer.normalize(text, 0, Origins::skip, out);
    return true;
  };
  std::array<AddedTokenFinder, 4> finders;
  for (std::size_t i = 0; i < finders.size(); ++i) {
    auto finder = find_added(added, i % 2 == 1, i < 2, normalize);
    if (!finder) return std::move(finder).error();
    finders[i] = *std::move(finder);
  }
  const auto special_id = [&](const char* name) -> std::optional<std::int32_t> {
    const auto token = config.token(name);
    return token ? added.id_of(*token) : std::nullopt;
  };
  if (config.builds_template) {
    auto rebuilt = rebuild_template(config, special_id, spec);
    if (!rebuilt) return std::move(rebuilt).error();
  }
  std::vector<std::string> tokens = names_by_id(spec, added);
  const auto id_of = [&](const std::string& token) {
    const auto id = added.id_of(token);
    return id ? id : model_id(token);
  };
  if (spec.named_template) {
    if (auto put = put_named(*spec.named_template, id_of, spec); !put)
      return std::move(put).error();
  }
  if (config.language) {
    if (auto put = put_language(config, id_of, spec); !put) return std::move(put).error();
  }
  Template post(std::move(spec.single), std::move(spec.pair));
  if (config.roberta_family && spec.may_trim_offsets) {
    spec.trims_offsets =
        config.trims_offsets ? std::optional(config.adds_prefix_space) : std::nullopt;
  }
  if (spec.trims_offsets) post.trim_offsets(trims(tokens), *spec.trims_offsets);
  for (const auto& [id, token] : added.by_id()) ids[token.content] = id;
  if (!config.truncates_left) config.truncates_left = spec.truncates_left;
  if (!config.pads_left) config.pads_left = spec.pads_left;
  return std::unique_ptr<const Parts>(
      new Parts{.normalizer = std::move(normalizer),
                .steps = std::move(steps),
                .all_added = {std::move(finders[0]), std::move(finders[1])},
                .plain_added = {std::move(finders[2]), std::move(finders[3])},
                .pre_tokenizer = std::move(cutting->pre_tokenizer),
                .model = std::move(cutting->model),
                .byte_level = std::move(cutting->byte_level),
                .sentence_piece = std::move(cutting->sentence_piece),
                .stepped = std::move(cutting->stepped),
                .post = std::move(post),
                .decoder = Decoder(std::move(spec.decoder)),
                .config = std::move(config),
                .ids = std::move(ids),
                .tokens = std::move(tokens),
                .special = special_ids(added),
                .prefix = std::move(spec.prefix),
                .suffix = suffix});
}

Result<std::unique_ptr<Tokenizer>> Tokenizer::Parts::assemble(Result<TokenizerSpec> spec,
                                                              TokenizerConfig config) {
  if (!spec) return std::move(spec).error();
  auto parts = build(*std::move(spec), std::move(config));
  if (!parts) return std::move(parts).error();
  return std::unique_ptr<Tokenizer>(new Tokenizer(*std::move(parts)));
}

Result<std::unique_ptr<Tokenizer>> Tokenizer::Parts::load_vocab_and_merges(
    const std::filesystem::path& root, TokenizerConfig config) {
  if (!config.vocabulary_and_merges_suffice) {
    return error(Errc::unsupported,
                 "UNSUPPORTED_TOKENIZER",
                 "vocab.json and merges.txt alone say too little for this tokenizer class; "
                 "supported: RobertaTokenizer, BartTokenizer, GPT2Tokenizer and their like; save "
                 "the tokenizer so that it has a tokenizer.json");
  }
  auto vocabulary = read_file(root / "vocab.json", Missing::error);
  if (!vocabulary) return std::move(vocabulary).error();
  auto merges = read_file(root / "merges.txt", Missing::error);
  if (!merges) return std::move(merges).error();
  auto spec = read_vocab_and_merges(
      *vocabulary, *merges, config.token("cls_token"), config.token("sep_token"));
  return assemble(std::move(spec), std::move(config));
}

Result<std::unique_ptr<Tokenizer>> Tokenizer::Parts::load_sentencepiece(
    const std::filesystem::path& root, const std::string& file, TokenizerConfig config) {
  auto bytes = read_file(root / file, Missing::error);
  if (!bytes) return std::move(bytes).error();
  auto model = read_sentencepiece(*bytes, file);
  if (!model) return std::move(model).error();
  auto spec = sentencepiece_spec(*std::move(model), file, config);
  return assemble(std::move(spec), std::move(config));
}

Result<std::unique_ptr<Tokenizer>> Tokenizer::load(const std::string& folder) {
  const std::filesystem::path root(folder);
  auto config = read_settings(root);
  if (!config) return std::move(config).error();
  std::error_code unreadable;
  if (std::filesystem::exists(root / "tokenizer.json", unreadable)) {
    auto json = read_file(root / "tokenizer.json", Missing::error);
    if (!json) return std::move(json).error();
    return Parts::assemble(read_tokenizer_json(*json), *std::move(config));
  }
  const auto model_file = sentencepiece_file_of(config->tokenizer_class);
  if (model_file && std::filesystem::exists(root / *model_file, unreadable))
    return Parts::load_sentencepiece(root, *model_file, *std::move(config));
  if (std::filesystem::exists(root / "merges.txt", unreadable))
    return Parts::load_vocab_and_merges(root, *std::move(config));
  const bool has_vocabulary = std::filesystem::exists(root / "vocab.txt", unreadable);
  if (const auto file = any_sentencepiece(root); file && !has_vocabulary)
    return unread_sentencepiece(*file, config->tokenizer_class, model_file);
  auto vocabulary = read_file(root / "vocab.txt", Missing::error);
  if (!vocabulary) return std::move(vocabulary).error();
  if (!config->vocabulary_suffices) {
    return error(
        Errc::unsupported,
        "UNSUPPORTED_TOKENIZER",
        "a vocab.txt alone says too little for this tokenizer class; supported: BertTokenizer, "
        "DistilBertTokenizer and their like; save the tokenizer so that it has a tokenizer.json");
  }
  auto spec = read_vocab_txt(*vocabulary,
                             *config->token("cls_token"),
                             *config->token("sep_token"),
                             *config->token("unk_token"));
  return Parts::assemble(std::move(spec), *std::move(config));
}

Result<std::unique_ptr<Tokenizer>> Tokenizer::parse(std::string_view tokenizer_json,
                                                    std::string_view config_json) {
  auto config = read_tokenizer_config({.tokenizer_config = config_json});
  if (!config) return std::move(config).error();
  return Parts::assemble(read_tokenizer_json(tokenizer_json), *std::move(config));
}

}  // namespace millrace::pipeline
