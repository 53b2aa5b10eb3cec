#include "pipeline/tasks/token_classification.h"

#include "pipeline/tasks/code_points.h"
#include "pipeline/tasks/entities.h"
#include "pipeline/tasks/gather.h"
#include "pipeline/tasks/scores.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

// Source: transformers 4.57, pipelines/token_classification.py, with a fast tokenizer.

namespace millrace::pipeline {
namespace {

constexpr std::array kParameters = {
    Parameter{"aggregation_strategy",
              "none, simple, first, average, max",
              "How tokens become entities; none by default."},
    Parameter{"ignore_labels", "a list of texts", "Labels that are left out; [\"O\"] by default."},
    Parameter{"stride",
              "integer",
              "Reads a long text in windows that share so many tokens, instead of cutting it."},
    Parameter{"is_split_into_words",
              "true or false",
              "Whether an input is a list of words instead of a text."},
    Parameter{"delimiter", "text", "What stands between two words; a space by default."},
    Parameter{"grouped_entities", "true or false", "The old way to ask for simple or first."},
    Parameter{
        "ignore_subwords", "true or false", "With grouped_entities: first instead of simple."},
};

constexpr std::array kInputs = {
    InputForm{R"("a text")",
              "a list of `{entity, score, index, word, start, end}`; with an aggregation "
              "`{entity_group, score, word, start, end}`"},
    InputForm{R"(["a text", "another"])", "a list of their results"},
    InputForm{R"(["words", "of", "one", "text"])", "with `is_split_into_words`: as for a text"},
    InputForm{R"({"text": "a text", "offset_mapping": [[0, 0], [0, 1], [2, 6], [0, 0]]})",
              "as for a text, with places of the tokens, special ones included, of your own"},
};

constexpr TaskExample kExample = {
    .model = "tests/golden/tiny_ner",
    .input = R"("the phone works")",
    .parameters = R"({"aggregation_strategy": "simple"})",
    .output =
        R"([{"entity_group":"X-Y","score":0.42311254143714905,"word":"the","start":0,"end":3},{"entity_group":"X-Y","score":0.701384961605072,"word":"phone","start":4,"end":9},{"entity_group":"X-Y","score":0.49387016892433167,"word":"works","start":10,"end":15}])"};

constexpr std::array<std::string_view, 5> kStrategies = {
    "none", "simple", "first", "average", "max"};
constexpr std::int64_t kMost = 1'000'000;

struct Settings {
  Aggregation aggregation = Aggregation::none;
  std::vector<std::string> ignored = {"O"};
  std::optional<std::size_t> stride;
  bool split = false;
  std::string delimiter = " ";
};

/// A text, or its words; views into the record.
struct Sample {
  std::string_view text;
  std::vector<std::string_view> words;
  std::optional<std::vector<Offset>> offsets;
};

/// A token that is no special one.
struct PlacedToken {
  std::size_t index = 0;
  std::int32_t id = 0;
  Offset offset;  // in the sentence
};

struct SampleState {
  std::string sentence;
  std::vector<std::vector<PlacedToken>> windows;
  bool cut_by_default = false;
};

struct TokensState final : TaskState {
  std::vector<SampleState> samples;
  bool is_list = false;
};

std::optional<Offset> read_offset(const Json& pair) {
  constexpr std::uint64_t kMostCodePoints = std::numeric_limits<std::uint32_t>::max();
  if (!pair.is_array() || pair.size() != 2) return std::nullopt;
  for (const Json& end : pair) {
    if (!end.is_number_unsigned() || end.get<std::uint64_t>() > kMostCodePoints)
      return std::nullopt;
  }
  return Offset{pair[0].get<std::uint32_t>(), pair[1].get<std::uint32_t>()};
}

Result<std::vector<Offset>> read_offsets(const Json& value) {
  const auto bad = [] {
    return bad_input("expected offset_mapping as a list of [begin, end] in code points");
  };
  if (!value.is_array()) return bad();
  std::vector<Offset> offsets;
  for (const Json& pair : value) {
    const auto offset = read_offset(pair);
    if (!offset || offset->begin > offset->end) return bad();
    offsets.push_back(*offset);
  }
  return offsets;
}

class TokenClassification final : public Task {
 public:
  TokenClassification(const TaskRequest& request, Settings settings)
      : tokenizer_(request.tokenizer),
        rules_(request.rules),
        labels_(request.facts.labels),
        settings_(std::move(settings)) {}

  Result<Prepared> prepare(const Json& input) const override {
    auto state = std::make_unique<TokensState>();
    state->is_list = is_list(input);
    Prepared prepared;
    if (auto fits = check_count(state->is_list ? input.size() : 1); !fits)
      return std::move(fits).error();
    const auto take = [&](const Json& value) -> Result<void> {
      auto sample = read_sample(value);
      if (!sample) return std::move(sample).error();
      auto taken = take_sample(*sample, prepared);
      if (!taken) return std::move(taken).error();
      state->samples.push_back(*std::move(taken));
      return {};
    };
    if (!state->is_list) {
      if (auto taken = take(input); !taken) return std::move(taken).error();
    } else {
      for (const Json& element : input) {
        if (auto taken = take(element); !taken) return std::move(taken).error();
      }
    }
    prepared.state = std::move(state);
    return prepared;
  }

  Result<Json> finish(const Prepared& prepared, std::span<const RowView> rows) const override {
    const auto& state = static_cast<const TokensState&>(*prepared.state);
    return gather(
        state.samples.size(),
        state.is_list,
        rows,
        [&](std::size_t i) { return state.samples[i].windows.size(); },
        [&](std::size_t i, std::span<const RowView> own) {
          return result_of(state.samples[i], own);
        });
  }

 private:
  /// A list of words is one input, a list of such lists is a list.
  bool is_list(const Json& input) const {
    if (!input.is_array() || !settings_.split) return input.is_array();
    return std::all_of(
        input.begin(), input.end(), [](const Json& element) { return element.is_array(); });
  }

  Result<Sample> read_sample(const Json& value) const {
    Sample sample;
    if (value.is_object() && value.size() == 2 && value.contains("text") &&
        value.contains("offset_mapping") && !settings_.split) {
      auto offsets = read_offsets(value["offset_mapping"]);
      if (!offsets) return std::move(offsets).error();
      sample.offsets = *std::move(offsets);
      auto text = read_text(value["text"], "text");
      if (!text) return std::move(text).error();
      sample.text = *text;
      return sample;
    }
    if (!settings_.split) {
      auto text = read_text(value, "text");
      if (!text) return std::move(text).error();
      sample.text = *text;
      return sample;
    }
    if (!value.is_array()) return bad_input("with is_split_into_words a list of words is expected");
    for (const Json& word : value) {
      auto text = read_text(word, "word");
      if (!text) return std::move(text).error();
      sample.words.push_back(*text);
    }
    return sample;
  }

  /// Returns the windows, one or more. max_length: where the text is cut, or each of them ends.
  Result<std::vector<Encoding>> encode(const Sample& sample, std::size_t max_length) const {
    EncodeOptions options;
    options.parse_special = !rules_.plain_specials;
    options.want_offsets = true;
    options.want_overflow = settings_.stride.has_value();
    Truncation truncation;
    truncation.max_length = max_length;
    truncation.stride = settings_.stride.value_or(0);
    truncation.side = tokenizer_->truncation_side();
    options.truncation = truncation;
    auto encoding = settings_.split ? tokenizer_->encode_words(sample.words, options)
                                    : tokenizer_->encode(sample.text, options);
    if (!encoding) return std::move(encoding).error();
    std::vector<Encoding> windows = std::exchange(encoding->overflowing, {});
    windows.insert(windows.begin(), *std::move(encoding));
    return windows;
  }

  bool takes_all(const std::vector<Encoding>& windows) const {
    return std::all_of(windows.begin(), windows.end(), [&](const Encoding& window) {
      return rules_.allow(window.ids);
    });
  }

  Result<SampleState> take_sample(const Sample& sample, Prepared& prepared) const {
    const std::size_t own_limit = tokenizer_->model_max_length();
    auto windows = encode(sample, std::min(own_limit, rules_.too_many()));
    const bool by_default = windows && !takes_all(*windows);
    const std::size_t limit = by_default ? std::min(own_limit, rules_.longest()) : own_limit;
    if (by_default) windows = encode(sample, limit);
    if (!windows) return std::move(windows).error();
    SampleState state;
    const bool cut = windows->front().truncated && !settings_.stride;
    if (cut && rules_.refuse_long) {
      return error(Errc::invalid_input,
                   "TOO_LONG",
                   fmt::format("the text has more tokens than the {} that the model takes; shorten "
                               "it, read it in windows with stride, or allow cutting with "
                               "`truncation: true`",
                               limit));
    }
    prepared.truncated = prepared.truncated || cut;
    state.cut_by_default = cut && by_default;
    const std::vector<std::size_t> word_begins = place_words(sample, state);
    for (Encoding& window : *windows) {
      auto placed = place_tokens(sample, window, word_begins);
      if (!placed) return std::move(placed).error();
      state.windows.push_back(*std::move(placed));
      prepared.items.push_back(item_of(
          std::move(window), rules_.knows_types && tokenizer_->wants_type_ids(), Wanted::tokens));
    }
    return state;
  }

  /// Writes the sentence; returns where its words begin, in code points.
  std::vector<std::size_t> place_words(const Sample& sample, SampleState& state) const {
    std::vector<std::size_t> begins;
    if (!settings_.split) {
      state.sentence = sample.text;
      return begins;
    }
    std::size_t at = 0;
    const std::size_t gap = CodePoints(settings_.delimiter).size();
    for (const std::string_view word : sample.words) {
      if (!begins.empty()) state.sentence += settings_.delimiter;
      state.sentence += word;
      begins.push_back(at);
      at += CodePoints(word).size() + gap;
    }
    return begins;
  }

  static Result<std::vector<PlacedToken>> place_tokens(const Sample& sample,
                                                       const Encoding& window,
                                                       std::span<const std::size_t> word_begins) {
    if (sample.offsets && sample.offsets->size() != window.ids.size()) {
      return bad_input(fmt::format("offset_mapping has {} entries, the text has {} tokens",
                                   sample.offsets->size(),
                                   window.ids.size()));
    }
    std::vector<PlacedToken> tokens;
    for (std::size_t i = 0; i < window.ids.size(); ++i) {
      if (window.special_mask[i] != 0) continue;
      Offset offset = sample.offsets ? (*sample.offsets)[i] : window.offsets[i];
      if (!word_begins.empty()) {
        const auto shift =
            static_cast<std::uint32_t>(word_begins[static_cast<std::size_t>(window.words[i])]);
        offset.begin += shift;
        offset.end += shift;
      }
      tokens.push_back({.index = i, .id = window.ids[i], .offset = offset});
    }
    return tokens;
  }

  Result<Json> result_of(const SampleState& sample, std::span<const RowView> rows) const {
    const CodePoints sentence(sample.sentence);
    std::vector<Entity> entities;
    for (std::size_t w = 0; w < rows.size(); ++w) {
      if (!all_finite(rows[w].values)) {
        return error(Errc::invalid_input,
                     "NONFINITE",
                     "a score is not a finite number; see `on_nonfinite` of the stage");
      }
      std::vector<LabelledToken> tokens;
      for (const PlacedToken& token : sample.windows[w])
        tokens.push_back(labelled(token, rows[w], sentence));
      for (Entity& entity : aggregate(tokens, settings_.aggregation, labels_, *tokenizer_)) {
        if (!is_ignored(entity.label)) entities.push_back(std::move(entity));
      }
    }
    if (rows.size() > 1) entities = without_overlaps(std::move(entities));
    Json list = Json::array();
    for (const Entity& entity : entities) list.push_back(shown(entity, sample.cut_by_default));
    return list;
  }

  bool is_ignored(const std::string& label) const {
    return std::find(settings_.ignored.begin(), settings_.ignored.end(), label) !=
           settings_.ignored.end();
  }

  LabelledToken labelled(const PlacedToken& token,
                         const RowView& row,
                         const CodePoints& sentence) const {
    LabelledToken labelled;
    labelled.index = token.index;
    labelled.start = token.offset.begin;
    labelled.end = token.offset.end;
    const auto logits = row.row(token.index);
    labelled.scores.assign(logits.begin(), logits.end());
    softmax_in_place(labelled.scores);
    labelled.word = tokenizer_->id_to_token(token.id);
    const std::string_view written = sentence.slice(token.offset.begin, token.offset.end);
    if (tokenizer_->continuing_prefix()) {
      labelled.is_subword = CodePoints(labelled.word).size() != CodePoints(written).size();
    } else {
      // Without a mark for pieces, one that does not stand behind a space is taken for one.
      const std::size_t start = labelled.start;
      labelled.is_subword =
          start > 0 && sentence.slice(start - 1, start + 1).find(' ') == std::string_view::npos;
    }
    if (token.id == tokenizer_->unk_id()) {
      labelled.word = written;
      labelled.is_subword = false;
    }
    return labelled;
  }

  Json shown(const Entity& entity, bool cut_by_default) const {
    Json object;
    if (settings_.aggregation == Aggregation::none) {
      object = {{"entity", entity.label},
                {"score", static_cast<double>(entity.score)},
                {"index", entity.index},
                {"word", entity.word},
                {"start", entity.start},
                {"end", entity.end}};
    } else {
      object = {{"entity_group", entity.label},
                {"score", static_cast<double>(entity.score)},
                {"word", entity.word},
                {"start", entity.start},
                {"end", entity.end}};
    }
    if (cut_by_default) object["truncated"] = true;
    return object;
  }

  std::shared_ptr<const Tokenizer> tokenizer_;
  TextRules rules_;
  std::vector<std::string> labels_;
  Settings settings_;
};

Aggregation aggregation_named(std::string_view name) {
  const auto found = std::find(kStrategies.begin(), kStrategies.end(), name);
  return static_cast<Aggregation>(found - kStrategies.begin());
}

/// The two old switches count only where both are given a meaning together, as in transformers.
std::optional<Aggregation> read_old_names(ParameterReader& reader) {
  const auto grouped = reader.flag("grouped_entities");
  const auto whole = reader.flag("ignore_subwords");
  if (!grouped && !whole) return std::nullopt;
  if (!grouped.value_or(false)) return Aggregation::none;
  return whole.value_or(false) ? Aggregation::first : Aggregation::simple;
}

void read_ignored(ParameterReader& reader, Settings& settings) {
  const Json* given = reader.find("ignore_labels");
  if (given == nullptr || given->is_null()) return;
  const bool texts =
      given->is_array() &&
      std::all_of(given->begin(), given->end(), [](const Json& j) { return j.is_string(); });
  if (!texts) return reader.bad("ignore_labels", "a list of texts");
  settings.ignored = given->get<std::vector<std::string>>();
}

Settings read_settings(ParameterReader& reader, const Tokenizer& tokenizer) {
  Settings settings;
  std::optional<Aggregation> aggregation = read_old_names(reader);
  if (const auto name = reader.choice("aggregation_strategy", kStrategies); name && !aggregation)
    aggregation = aggregation_named(*name);
  settings.aggregation = aggregation.value_or(Aggregation::none);
  read_ignored(reader, settings);
  if (const auto stride = reader.integer("stride", 0, kMost)) {
    settings.stride = static_cast<std::size_t>(*stride);
    if (*settings.stride >= tokenizer.model_max_length()) {
      reader.bad("stride",
                 fmt::format("less than the {} tokens that the tokenizer takes",
                             tokenizer.model_max_length()));
    }
    if (aggregation == Aggregation::none)
      reader.bad("stride", "it together with an aggregation_strategy other than none");
  }
  settings.split = read_words_flag(reader, tokenizer);
  if (const Json* delimiter = reader.find("delimiter"); delimiter && !delimiter->is_null()) {
    if (delimiter->is_string()) {
      settings.delimiter = delimiter->get<std::string>();
    } else {
      reader.bad("delimiter", "a text");
    }
  }
  return settings;
}

MadeTask make(const TaskRequest& request) {
  MadeTask made;
  const Json none = Json::object();
  ParameterReader reader(
      request.parameters ? *request.parameters : none, kParameters, "parameters", made.errors);
  Settings settings = read_settings(reader, *request.tokenizer);
  if (made.errors.empty())
    made.task = std::make_unique<TokenClassification>(request, std::move(settings));
  return made;
}

std::vector<Parameter> parameters() { return {kParameters.begin(), kParameters.end()}; }

}  // namespace

TaskEntry token_classification() {
  return {"token-classification",
          "Labels the tokens of a text, and gathers them into entities.",
          kInputs,
          kExample,
          HeadKind::token_classification,
          parameters,
          make};
}

}  // namespace millrace::pipeline
