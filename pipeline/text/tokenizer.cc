#include "pipeline/text/tokenizer.h"

#include "config/base/limits.h"
#include "config/base/utf8.h"
#include "pipeline/text/added_tokens.h"
#include "pipeline/text/normalizer.h"
#include "pipeline/text/pre_tokenizer.h"
#include "pipeline/text/sourced_text.h"
#include "pipeline/text/template.h"
#include "pipeline/text/tokenizer_config.h"
#include "pipeline/text/tokenizer_json.h"
#include "pipeline/text/tokenizer_parts.h"
#include "pipeline/text/truncation.h"
#include "pipeline/text/wordpiece.h"

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>
#include <variant>

#include <fmt/format.h>

// The way of a text, as tokenizers 0.22.2 goes it, here "Caf\u00e9 [MASK]!":
//
// 1. Added tokens of the raw text are cut out: "Caf\u00e9 ", [MASK], "!".
// 2. What lies between is normalised; each byte knows its code point of the given text: "cafe ".
// 3. Added tokens with normalized: true are cut out of that.
// 4. The rest is cut into words, and words into pieces: ca ##fe.
// 5. Truncation, then the template: [CLS] ca ##fe [MASK] ! [SEP].

namespace millrace::pipeline {
namespace {

// No record is larger.
constexpr std::size_t kMaxBytes = config::kMaxRecordValueBytes;

constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

// What a thread keeps between calls; one huge text must not hold its memory for ever.
constexpr std::size_t kMaxKeptBytes = 4 * config::kMiB;

/// Memory that calls of one thread use again.
struct Scratch {
  Normalized normalized;
  std::string rewritten;             // what the splitter sees, where it is not the normalised text
  std::vector<std::size_t> sources;  // of its bytes in the normalised text
  Words words;                       // what the steps of a pre-tokenizer make of it
  std::vector<BpePiece> pieces;
  std::vector<Stretch> raw_stretches;
  std::vector<Stretch> stretches;
  Tokens first;
  Tokens second;
  Tokens word;
};

/// Lends the calling thread its memory for one call.
class Lent {
 public:
  Lent() = default;
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;

  ~Lent() {
    if (mine().normalized.bytes.size() > kMaxKeptBytes) mine() = {};
  }

  Scratch& operator*() const { return mine(); }

 private:
  static Scratch& mine() {
    thread_local Scratch memory;
    return memory;
  }
};

Error unknown() {
  return error(Errc::invalid_input,
               "UNKNOWN_TEXT",
               "text: holds a character that the vocabulary has no piece for, and the tokenizer "
               "has no unknown token; leave it out, or set unk_id in tokenizer.json");
}

Error endless() {
  return error(Errc::invalid_input,
               "BAD_TOKENIZER",
               "tokenizer.json: a pattern takes more than ten million steps on this text; rewrite "
               "the pattern so that it does not go back over the same characters");
}

Error too_large(std::size_t bytes) {
  return error(
      Errc::invalid_input,
      "TOO_LARGE",
      fmt::format("text: expected at most {} bytes, found {}; send it in parts", kMaxBytes, bytes));
}

Result<void> check_text(std::string_view text) {
  if (text.size() > kMaxBytes) return too_large(text.size());
  if (const auto at = config::invalid_utf8_at(text)) {
    return error(
        Errc::invalid_input,
        "BAD_UTF8",
        fmt::format("text: expected UTF-8, found an invalid byte at offset {}; encode it as UTF-8",
                    *at));
  }
  return {};
}

}  // namespace

/// One text on its way. Lives for one call.
class Tokenizer::Parts::Run {
 public:
  /// May stop once there are more than `limit` tokens.
  Run(const Parts& parts,
      const EncodeOptions& options,
      std::size_t limit,
      Scratch& memory,
      Tokens& out)
      : parts_(parts),
        added_(options.parse_special ? parts.all_added : parts.plain_added),
        track_(options.want_offsets),
        limit_(limit),
        memory_(memory),
        out_(out) {}

  /// Fails when something is unknown and no token says so, or a pattern takes too many steps.
  Result<void> take(std::string_view text) {
    out_.clear();
    memory_.raw_stretches.clear();
    added_.raw.split(text, memory_.raw_stretches);
    for (const Stretch& stretch : memory_.raw_stretches) {
      if (full() || endless_) break;
      const std::string_view piece = text.substr(stretch.begin, stretch.end - stretch.begin);
      // Without offsets only the very start matters, to Metaspace.
      const std::uint32_t first =
          track_ ? code_points_before(text, stretch.begin) : (stretch.begin > 0 ? 1 : 0);
      if (stretch.id < 0) {
        normalized_piece(piece, first);
      } else if (track_) {
        add_whole_word(
            stretch.id,
            piece,
            {first, first + static_cast<std::uint32_t>(config::count_code_points(piece))});
      } else {
        out_.ids.push_back(stretch.id);
      }
    }
    if (endless_) return endless();
    if (!known_) return unknown();
    return {};
  }

  /// Puts the tokens of a text that is cut into words already, one word after the other.
  static Result<void> take_words(const Parts& parts,
                                 std::span<const std::string_view> words,
                                 const EncodeOptions& options,
                                 Scratch& memory,
                                 Tokens& all) {
    if (auto checked = check_words(parts, words); !checked) return checked;
    all.clear();
    for (std::size_t i = 0; i < words.size(); ++i) {
      Tokens& word = memory.word;
      auto taken = Run(parts, options, kNoLimit, memory, word).take(words[i]);
      if (!taken) return taken;
      all.ids.insert(all.ids.end(), word.ids.begin(), word.ids.end());
      all.offsets.insert(all.offsets.end(), word.offsets.begin(), word.offsets.end());
      all.trims.insert(all.trims.end(), word.trims.begin(), word.trims.end());
      if (options.want_offsets) all.words.resize(all.ids.size(), static_cast<std::int32_t>(i));
    }
    return {};
  }

 private:
  static Result<void> check_words(const Parts& parts, std::span<const std::string_view> words) {
    if (!parts.takes_words()) {
      return error(Errc::unsupported,
                   "UNSUPPORTED_TOKENIZER",
                   "text that is cut into words already needs a tokenizer that puts a space before "
                   "each; set add_prefix_space in tokenizer_config.json to true");
    }
    std::size_t bytes = 0;
    for (const std::string_view word : words) {
      if (auto checked = check_text(word); !checked) return checked;
      bytes += word.size();
    }
    if (bytes > kMaxBytes) return too_large(bytes);
    return {};
  }

  bool full() const { return out_.ids.size() > limit_; }

  std::uint32_t code_points_before(std::string_view text, std::size_t byte) {
    // White space that two added tokens claim can make a stretch begin before the end of the last
    // one.
    if (byte < counted_bytes_) counted_bytes_ = counted_ = 0;
    counted_ += config::count_code_points(text.substr(counted_bytes_, byte - counted_bytes_));
    counted_bytes_ = byte;
    return static_cast<std::uint32_t>(counted_);
  }

  void normalized_piece(std::string_view piece, std::uint32_t first) {
    // Metaspace asks for the very start.
    const bool wanted = track_ || parts_.sentence_piece || parts_.stepped;
    const Origins origins = wanted ? Origins::track : Origins::skip;
    endless_ = !parts_.normalize(piece, first, origins, memory_.normalized);
    if (endless_) return;
    const std::size_t size = memory_.normalized.size;
    if (added_.normalized.empty()) return words(0, size);
    memory_.stretches.clear();
    added_.normalized.split(memory_.normalized.view(), memory_.stretches);
    for (const Stretch& stretch : memory_.stretches) {
      if (stretch.id < 0) {
        words(stretch.begin, stretch.end);
      } else {
        add_whole_word(stretch.id,
                       memory_.normalized.view().substr(stretch.begin, stretch.end - stretch.begin),
                       track_ ? origin(stretch.begin, stretch.end) : Offset{});
      }
    }
  }

  /// Cuts bytes begin … end of the normalised text, with a space before them where there is none,
  /// into words and pieces. The space comes from the first character.
  void byte_level_words(std::size_t begin, std::size_t end) {
    std::string_view text = memory_.normalized.view().substr(begin, end - begin);
    const bool prefixed = parts_.byte_level->adds_prefix_space && !text.empty() && text[0] != ' ';
    if (prefixed) {
      memory_.rewritten.assign(1, ' ');
      text = memory_.rewritten.append(text);
    }
    const std::size_t shift = prefixed ? 1 : 0;
    // Where a byte of `text` lies in the normalised text.
    const auto source = [&](std::size_t at) { return begin + (at > shift ? at - shift : 0); };
    parts_.byte_level->splitter.split(text, [&](std::size_t word_begin, std::size_t word_end) {
      parts_.byte_level->model.cut(text.substr(word_begin, word_end - word_begin), memory_.pieces);
      std::size_t at = word_begin;
      for (const BpePiece& piece : memory_.pieces) {
        const std::size_t piece_end = word_begin + piece.end;
        out_.ids.push_back(piece.id);
        if (track_) out_.offsets.push_back(origin(source(at), source(piece_end - 1) + 1));
        at = piece_end;
      }
      if (track_) out_.words.resize(out_.ids.size(), word_);
      fill_trims();
      ++word_;
      return !full();
    });
  }

  /// Cuts bytes begin … end of the normalised text as SentencePiece's families do.
  void metaspace_words(std::size_t begin, std::size_t end) {
    const SentencePiece& family = *parts_.sentence_piece;
    if (!family.splits_white_space_first) return metaspace_stretch(begin, end);
    const std::string_view text = memory_.normalized.view().substr(begin, end - begin);
    family.white_space.split(text, [&](std::size_t from, std::size_t to) {
      metaspace_stretch(begin + from, begin + to);
      return !full();
    });
  }

  /// Writes bytes begin … end of the normalised text with Metaspace, and cuts that into words and
  /// pieces.
  void metaspace_stretch(std::size_t begin, std::size_t end) {
    using Prepends = MetaspaceSpec::Prepends;
    const MetaspaceSpec& metaspace = parts_.sentence_piece->metaspace;
    const std::string_view mark = metaspace.replacement;
    const std::string_view text = memory_.normalized.view().substr(begin, end - begin);
    if (text.empty()) return;
    std::string& marked = memory_.rewritten;
    std::vector<std::size_t>& sources = memory_.sources;
    marked.clear();
    sources.clear();
    const auto put = [&](std::string_view bytes, std::size_t source) {
      marked += bytes;
      sources.resize(marked.size(), source);
    };
    const bool wanted =
        metaspace.prepends == Prepends::always ||
        (metaspace.prepends == Prepends::first && memory_.normalized.origin[begin] == 0);
    if (wanted && text[0] != ' ' && !text.starts_with(mark)) put(mark, begin);
    for (std::size_t i = 0; i < text.size(); ++i)
      put(text[i] == ' ' ? mark : text.substr(i, 1), begin + i);
    for (std::size_t from = 0; from < marked.size() && !full();) {
      const std::size_t to =
          metaspace.splits ? std::min(marked.find(mark, from + 1), marked.size()) : marked.size();
      unigram_word(std::string_view(marked).substr(from, to - from),
                   std::span(sources).subspan(from, to - from));
      from = to;
    }
  }

  void unigram_word(std::string_view word, std::span<const std::size_t> sources) {
    known_ = parts_.sentence_piece->model.cut(word, memory_.pieces) && known_;
    put_pieces([&](std::size_t begin, std::size_t last) {
      return origin(sources[begin], sources[last] + 1);
    });
    fill_trims();
    ++word_;
  }

  /// Puts the pieces of a word. offset: of its bytes begin … last, both included.
  template <typename OffsetOf>
  void put_pieces(OffsetOf offset) {
    std::size_t at = 0;
    std::size_t before = 0;
    for (const BpePiece& piece : memory_.pieces) {
      // The bytes of what is unknown share its place.
      if (piece.end != before) at = std::exchange(before, piece.end);
      out_.ids.push_back(piece.id);
      if (track_) out_.offsets.push_back(offset(at, piece.end - 1));
    }
    if (track_) out_.words.resize(out_.ids.size(), word_);
  }

  /// Cuts bytes begin … end of the normalised text step by step.
  void stepped_words(std::size_t begin, std::size_t end) {
    const std::string_view text = memory_.normalized.view().substr(begin, end - begin);
    const Words& words = memory_.words;
    endless_ = !parts_.stepped->splitter.split(
        text, std::span(memory_.normalized.origin).subspan(begin, end - begin), memory_.words);
    if (endless_) return;
    for (const Words::Span& span : words.spans) {
      if (full()) return;
      const std::string_view word = words.text(span);
      known_ = cut_word(word) && known_;
      put_pieces([&](std::size_t from, std::size_t last) {
        return Offset{words.origin[span.begin + from], words.origin[span.begin + last] + 1};
      });
      fill_trims();
      ++word_;
    }
  }

  bool cut_word(std::string_view word) {
    std::vector<BpePiece>& pieces = memory_.pieces;
    const auto cut = [&](const auto& chosen) {
      using Model = std::decay_t<decltype(chosen)>;
      if constexpr (std::is_same_v<Model, WordPiece>) {
        pieces.clear();
        const bool known =
            chosen.cut(word, [&](std::int32_t id, std::size_t /*begin*/, std::size_t piece_end) {
              pieces.push_back({id, piece_end});
            });
        if (!known) pieces.assign(1, {chosen.unknown_id(), word.size()});
        return true;
      } else if constexpr (std::is_same_v<Model, Bpe>) {
        chosen.cut(word, pieces);
        return true;
      } else {
        return chosen.cut(word, pieces);
      }
    };
    return std::visit(cut, parts_.stepped->model);
  }

  /// Cuts bytes begin … end of the normalised text into words and pieces.
  void words(std::size_t begin, std::size_t end) {
    if (parts_.byte_level) return byte_level_words(begin, end);
    if (parts_.sentence_piece) return metaspace_words(begin, end);
    if (parts_.stepped) return stepped_words(begin, end);
    const std::string_view text = memory_.normalized.view().substr(begin, end - begin);
    parts_.pre_tokenizer.split(text, [&](std::size_t word_begin, std::size_t word_end) {
      add_word(text.substr(word_begin, word_end - word_begin), begin + word_begin);
      return !full();
    });
  }

  void add_word(std::string_view word, std::size_t at) {
    const std::size_t before = out_.ids.size();
    const bool known =
        parts_.model.cut(word, [&](std::int32_t id, std::size_t begin, std::size_t end) {
          out_.ids.push_back(id);
          if (track_) out_.offsets.push_back(origin(at + begin, at + end));
        });
    if (!known) {
      out_.ids.resize(before);
      out_.ids.push_back(parts_.model.unknown_id());
      if (track_) {
        out_.offsets.resize(before);
        out_.offsets.push_back(origin(at, at + word.size()));
      }
    }
    if (track_) out_.words.resize(out_.ids.size(), word_);
    fill_trims();
    ++word_;
  }

  /// Notes the white space of the tokens that came last.
  void fill_trims() {
    if (!track_ || !parts_.post.trims_offsets()) return;
    for (std::size_t i = out_.trims.size(); i < out_.ids.size(); ++i)
      out_.trims.push_back(parts_.post.trim_of_id(out_.ids[i]));
  }

  /// matched: with the white space that the token takes.
  void add_whole_word(std::int32_t id, std::string_view matched, Offset offset) {
    if (track_ && parts_.post.trims_offsets()) out_.trims.push_back(Template::trim_of(matched));
    out_.ids.push_back(id);
    if (track_) {
      out_.offsets.push_back(offset);
      out_.words.push_back(word_);
    }
    ++word_;
  }

  Offset origin(std::size_t begin, std::size_t end) const {
    const std::vector<std::uint32_t>& of = memory_.normalized.origin;
    return {of[begin], of[end - 1] + 1};
  }

  const Parts& parts_;
  const Finders& added_;
  bool track_;
  std::size_t limit_;
  Scratch& memory_;
  Tokens& out_;
  std::int32_t word_ = 0;
  bool known_ = true;
  bool endless_ = false;  // a pattern took too many steps
  std::size_t counted_bytes_ = 0;
  std::size_t counted_ = 0;
};

Tokenizer::Tokenizer(std::unique_ptr<const Parts> parts) : parts_(std::move(parts)) {}

Tokenizer::~Tokenizer() = default;

Result<Encoding> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  if (auto checked = check_text(text); !checked) return std::move(checked).error();
  const Lent lent;
  Scratch& memory = *lent;
  const std::size_t specials = options.add_special_tokens ? parts_->post.special_tokens(false) : 0;
  const Truncation truncation = options.truncation.value_or(Truncation{});
  // Tokens that are dropped anyway need not be found.
  const bool may_stop = !options.want_overflow && truncation.side == Truncation::Side::right &&
                        truncation.max_length > specials;
  const std::size_t limit = may_stop ? truncation.max_length - specials : kNoLimit;
  if (auto taken = Parts::Run(*parts_, options, limit, memory, memory.first).take(text); !taken)
    return std::move(taken).error();
  auto windows = truncate(memory.first.ids.size(), std::nullopt, specials, truncation);
  if (!windows) return std::move(windows).error();
  return parts_->post.apply(memory.first, nullptr, *windows, options);
}

Result<Encoding> Tokenizer::encode_pair(std::string_view first,
                                        std::string_view second,
                                        const EncodeOptions& options) const {
  if (auto checked = check_text(first); !checked) return std::move(checked).error();
  if (auto checked = check_text(second); !checked) return std::move(checked).error();
  const Lent lent;
  Scratch& memory = *lent;
  for (const auto& [text, tokens] : {std::pair(first, &memory.first), {second, &memory.second}}) {
    auto taken = Parts::Run(*parts_, options, kNoLimit, memory, *tokens).take(text);
    if (!taken) return std::move(taken).error();
  }
  return join(memory.first, memory.second, options);
}

Result<std::shared_ptr<const Tokens>> Tokenizer::tokens_of(std::string_view text,
                                                           const EncodeOptions& options) const {
  if (auto checked = check_text(text); !checked) return std::move(checked).error();
  const Lent lent;
  auto tokens = std::make_shared<Tokens>();
  auto taken = Parts::Run(*parts_, options, kNoLimit, *lent, *tokens).take(text);
  if (!taken) return std::move(taken).error();
  return std::shared_ptr<const Tokens>(std::move(tokens));
}

Result<Encoding> Tokenizer::join(const Tokens& first,
                                 const Tokens& second,
                                 const EncodeOptions& options) const {
  const std::size_t specials = options.add_special_tokens ? parts_->post.special_tokens(true) : 0;
  const Truncation truncation = options.truncation.value_or(Truncation{});
  auto windows = truncate(first.ids.size(), second.ids.size(), specials, truncation);
  if (!windows) return std::move(windows).error();
  return parts_->post.apply(first, &second, *windows, options);
}

Result<Encoding> Tokenizer::encode_words(std::span<const std::string_view> words,
                                         const EncodeOptions& options) const {
  const Lent lent;
  Scratch& memory = *lent;
  auto taken = Parts::Run::take_words(*parts_, words, options, memory, memory.first);
  if (!taken) return std::move(taken).error();
  const std::size_t specials = options.add_special_tokens ? parts_->post.special_tokens(false) : 0;
  const Truncation truncation = options.truncation.value_or(Truncation{});
  auto windows = truncate(memory.first.ids.size(), std::nullopt, specials, truncation);
  if (!windows) return std::move(windows).error();
  return parts_->post.apply(memory.first, nullptr, *windows, options);
}

Result<Encoding> Tokenizer::encode_word_pair(std::span<const std::string_view> first,
                                             std::span<const std::string_view> second,
                                             const EncodeOptions& options) const {
  const Lent lent;
  Scratch& memory = *lent;
  for (const auto& [words, tokens] : {std::pair(first, &memory.first), {second, &memory.second}}) {
    auto taken = Parts::Run::take_words(*parts_, words, options, memory, *tokens);
    if (!taken) return std::move(taken).error();
  }
  return join(memory.first, memory.second, options);
}

bool Tokenizer::takes_words() const { return parts_->takes_words(); }

std::size_t Tokenizer::vocab_size() const { return parts_->tokens.size(); }

std::optional<std::int32_t> Tokenizer::token_to_id(std::string_view token) const {
  return parts_->id_of(token);
}

std::string_view Tokenizer::id_to_token(std::int32_t id) const {
  if (id < 0 || static_cast<std::size_t>(id) >= parts_->tokens.size()) return {};
  return parts_->tokens[static_cast<std::size_t>(id)];
}

bool Tokenizer::is_special(std::int32_t id) const { return parts_->special.contains(id); }

std::optional<std::string_view> Tokenizer::continuing_prefix() const {
  return parts_->prefix.empty() ? std::nullopt : std::optional<std::string_view>(parts_->prefix);
}

namespace {

/// The text with spaces for the ends of words, and none at its own ends.
std::string with_spaces_for(std::string_view suffix, std::string_view text) {
  SourcedText out;
  for (std::size_t at = 0; at < text.size();) {
    const bool found = text.substr(at).starts_with(suffix);
    const config::Decoded next = config::decode_utf8(text.substr(at));
    out.push_back({found ? U' ' : next.code_point, 0});
    at += found ? suffix.size() : next.length;
  }
  // Python strips the separators of ASCII, too.
  const auto stays = [](const Sourced& c) {
    return !is_white_space(c.code_point) && (c.code_point < 0x1C || c.code_point > 0x1F);
  };
  const auto begin = std::find_if(out.begin(), out.end(), stays);
  std::string stripped;
  for (auto c = begin; c < std::find_if(out.rbegin(), out.rend(), stays).base(); ++c)
    config::append_utf8(c->code_point, stripped);
  return stripped;
}

}  // namespace

std::string Tokenizer::decode(std::span<const std::int32_t> ids,
                              bool skip_special_tokens,
                              std::optional<bool> clean_up) const {
  std::vector<std::string_view> tokens;
  tokens.reserve(ids.size());
  for (const std::int32_t id : ids) {
    if (skip_special_tokens && is_special(id)) continue;
    const std::string_view token = id_to_token(id);
    // The empty text is a token where a vocabulary lists it.
    if (!token.empty() || parts_->id_of("") == id) tokens.push_back(token);
  }
  std::string text = parts_->decoder.decode(tokens);
  if (!parts_->suffix.empty()) text = with_spaces_for(parts_->suffix, text);
  return clean_up.value_or(parts_->config.cleans_up_spaces) ? clean_up_spaces(std::move(text))
                                                            : text;
}

std::string Tokenizer::tokens_to_string(std::span<const std::string_view> tokens) const {
  return parts_->decoder.decode(tokens);
}

std::size_t Tokenizer::special_tokens(bool pair) const { return parts_->post.special_tokens(pair); }

std::size_t Tokenizer::model_max_length() const { return parts_->config.model_max_length; }

Truncation::Side Tokenizer::truncation_side() const {
  return parts_->config.truncates_left.value_or(false) ? Truncation::Side::left
                                                       : Truncation::Side::right;
}

bool Tokenizer::pads_left() const { return parts_->config.pads_left.value_or(false); }

bool Tokenizer::wants_type_ids() const { return parts_->config.wants_type_ids; }

std::optional<std::int32_t> Tokenizer::cls_id() const { return parts_->special_id("cls_token"); }

std::optional<std::int32_t> Tokenizer::sep_id() const { return parts_->special_id("sep_token"); }

std::optional<std::int32_t> Tokenizer::pad_id() const { return parts_->special_id("pad_token"); }

std::optional<std::int32_t> Tokenizer::unk_id() const { return parts_->special_id("unk_token"); }

std::optional<std::int32_t> Tokenizer::mask_id() const { return parts_->special_id("mask_token"); }

}  // namespace millrace::pipeline
