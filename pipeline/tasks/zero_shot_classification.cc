#include "pipeline/tasks/zero_shot_classification.h"

#include "config/base/limits.h"
#include "config/base/utf8.h"
#include "pipeline/tasks/gather.h"
#include "pipeline/tasks/hypothesis_template.h"
#include "pipeline/tasks/scores.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <numeric>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::pipeline {
namespace {

constexpr std::array kParameters = {
    Parameter{"candidate_labels",
              "a list of texts, or one text with commas",
              "The labels to choose from; a record may bring its own."},
    Parameter{"hypothesis_template",
              "text with {}",
              "What is asked of each label; \"This example is {}.\" by default."},
    Parameter{"multi_label",
              "true or false",
              "Whether each label is judged by itself; else their scores add up to 1."},
    Parameter{"multi_class", "true or false", "The old name of multi_label."},
};

constexpr std::array kInputs = {
    InputForm{R"("a text")", "`{sequence, labels, scores}`, the best label first"},
    InputForm{R"({"sequences": "a text", "candidate_labels": ["a", "b"]})",
              "the same, with labels of its own"},
    InputForm{R"(["a text", "another"])", "a list of their results"},
};

constexpr TaskExample kExample = {
    .model = "tests/golden/tiny_nli",
    .input = R"("the battery died")",
    .parameters = R"({"candidate_labels": "good, bad"})",
    .output =
        R"({"sequence":"the battery died","labels":["good","bad"],"scores":[0.51740962266922,0.48259034752845764]})"};

constexpr std::string_view kDefaultTemplate = "This example is {}.";

using Labels = std::vector<std::string>;

/// Cuts at commas; what is empty without its white space is no label.
Labels labels_of(std::string_view text) {
  Labels labels;
  const auto is_space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    std::string_view label = text.substr(begin, end - begin);
    while (!label.empty() && is_space(label.front())) label.remove_prefix(1);
    while (!label.empty() && is_space(label.back())) label.remove_suffix(1);
    if (!label.empty()) labels.emplace_back(label);
    begin = end + 1;
  }
  return labels;
}

/// Returns nothing for what is neither a text nor a list of texts.
std::optional<Labels> read_labels(const Json& value) {
  if (value.is_string()) return labels_of(value.get_ref<const std::string&>());
  if (!value.is_array()) return std::nullopt;
  Labels labels;
  for (const Json& label : value) {
    if (!label.is_string()) return std::nullopt;
    labels.push_back(label.get<std::string>());
  }
  return labels;
}

/// Which of the model's columns say that the text entails the hypothesis, and that it contradicts.
struct Columns {
  std::size_t entailment = 0;
  std::size_t contradiction = 0;
};

bool begins_with_entail(std::string_view label) {
  constexpr std::string_view kWord = "entail";
  if (label.size() < kWord.size()) return false;
  return std::equal(kWord.begin(), kWord.end(), label.begin(), [](char expected, char c) {
    return std::tolower(static_cast<unsigned char>(c)) == expected;
  });
}

/// The first label of label2id that begins with "entail"; the last column if there is none.
Columns columns_of(const ModelFacts& facts, const Json* config) {
  const std::size_t last = facts.labels.empty() ? 0 : facts.labels.size() - 1;
  std::optional<std::size_t> entailment;
  if (config != nullptr && config->is_object() && config->contains("label2id") &&
      (*config)["label2id"].is_object()) {
    for (const auto& [label, id] : (*config)["label2id"].items()) {
      if (entailment || !begins_with_entail(label) || !id.is_number_unsigned()) continue;
      if (id.get<std::size_t>() <= last) entailment = id.get<std::size_t>();
    }
  }
  for (std::size_t i = 0; i < facts.labels.size() && !entailment; ++i) {
    if (begins_with_entail(facts.labels[i])) entailment = i;
  }
  return {.entailment = entailment.value_or(last),
          .contradiction = entailment.value_or(last) == 0 && entailment ? last : 0};
}

using SharedTokens = std::shared_ptr<const Tokens>;

struct Settings {
  std::optional<Labels> labels;
  std::vector<SharedTokens> hypotheses;  // of the labels
  HypothesisTemplate hypothesis;
  std::string hypothesis_text;
  bool multi_label = false;
  Columns columns;
};

/// What one record asks.
struct Question {
  std::vector<std::string> sequences;
  bool is_list = false;
  Labels labels;
  std::vector<SharedTokens> hypotheses;  // of the labels
};

struct ZeroShotState final : TaskState {
  Question question;
  std::vector<bool> cut_by_default;              // per sequence
  std::vector<std::size_t> row_count;            // per sequence
  std::vector<std::vector<std::size_t>> row_of;  // per sequence and label, among the sequence's own
};

/// The row that asks the same, a new one if there is none: labels that the tokenizer cannot tell
/// apart have one answer.
std::size_t row_for(Item item, std::size_t first, std::vector<Item>& rows) {
  for (std::size_t row = first; row < rows.size(); ++row) {
    if (rows[row].ids == item.ids) return row - first;
  }
  rows.push_back(std::move(item));
  return rows.size() - 1 - first;
}

EncodeOptions encode_options(const TextRules& rules) {
  EncodeOptions options;
  options.parse_special = !rules.plain_specials;
  return options;
}

/// Cuts the hypotheses of labels into tokens, to be joined with any number of texts.
Result<std::vector<SharedTokens>> hypotheses_of(const Labels& labels,
                                                const HypothesisTemplate& hypothesis,
                                                const Tokenizer& tokenizer,
                                                const TextRules& rules) {
  std::vector<SharedTokens> all;
  all.reserve(labels.size());
  for (const std::string& label : labels) {
    auto tokens = tokenizer.tokens_of(hypothesis.fill(label), encode_options(rules));
    if (!tokens) return std::move(tokens).error();
    all.push_back(*std::move(tokens));
  }
  return all;
}

class ZeroShotClassification final : public Task {
 public:
  ZeroShotClassification(std::shared_ptr<const Tokenizer> tokenizer,
                         TextRules rules,
                         Settings settings)
      : tokenizer_(std::move(tokenizer)), rules_(rules), settings_(std::move(settings)) {}

  Result<Prepared> prepare(const Json& input) const override {
    auto question = read(input);
    if (!question) return std::move(question).error();
    auto state = std::make_unique<ZeroShotState>();
    state->question = *std::move(question);
    Prepared prepared;
    for (const std::string& sequence : state->question.sequences) {
      const auto tokens = tokenizer_->tokens_of(sequence, encode_options(rules_));
      if (!tokens) return tokens.error();
      const std::size_t first = prepared.items.size();
      bool cut_by_default = false;
      std::vector<std::size_t> row_of;
      for (const SharedTokens& hypothesis : state->question.hypotheses) {
        auto encoded = encode(**tokens, *hypothesis);
        if (!encoded) return std::move(encoded).error();
        cut_by_default = cut_by_default || encoded->cut_by_default;
        prepared.truncated = prepared.truncated || encoded->cut;
        row_of.push_back(row_for(std::move(encoded->item), first, prepared.items));
      }
      state->cut_by_default.push_back(cut_by_default);
      state->row_count.push_back(prepared.items.size() - first);
      state->row_of.push_back(std::move(row_of));
    }
    prepared.state = std::move(state);
    return prepared;
  }

  Result<Json> finish(const Prepared& prepared, std::span<const RowView> rows) const override {
    const auto& state = static_cast<const ZeroShotState&>(*prepared.state);
    return gather(
        state.question.sequences.size(),
        state.question.is_list,
        rows,
        [&](std::size_t i) { return state.row_count[i]; },
        [&](std::size_t i, std::span<const RowView> own) { return result_of(state, i, own); });
  }

 private:
  Result<Question> read(const Json& input) const {
    Question question;
    const Json* sequences = &input;
    const Json* own_labels = nullptr;
    if (input.is_object()) {
      sequences = nullptr;
      for (const auto& [key, value] : input.items()) {
        if (key == "sequences") {
          sequences = &value;
        } else if (key == "candidate_labels") {
          own_labels = &value;
        } else {
          return bad_input(
              "expected an object with sequences and candidate_labels alone, found another key; "
              "name the text's field with read:");
        }
      }
      if (sequences == nullptr) return bad_input("expected an object with sequences, found none");
    }
    if (auto read = read_sequences(*sequences, question); !read) return std::move(read).error();
    if (auto read = choose_labels(own_labels, question); !read) return std::move(read).error();
    const std::size_t pairs = question.sequences.size() * question.labels.size();
    if (auto fits = check_count(pairs, "pairs of a text and a label"); !fits)
      return std::move(fits).error();
    return question;
  }

  static Result<void> read_sequences(const Json& value, Question& question) {
    auto texts = read_texts(value, Pairs::refused);
    if (!texts) return std::move(texts).error();
    question.is_list = texts->is_list;
    for (const TextInput& text : texts->texts) {
      if (text.text.empty())
        return bad_input("expected at least one sequence, found an empty text");
      question.sequences.emplace_back(text.text);
    }
    return {};
  }

  Result<void> choose_labels(const Json* own, Question& question) const {
    if (own == nullptr || own->is_null()) {
      if (!settings_.labels) {
        return bad_input(
            "expected candidate_labels, found none; set the parameter candidate_labels, or send "
            "{\"sequences\": …, \"candidate_labels\": […]}");
      }
      question.labels = *settings_.labels;
      question.hypotheses = settings_.hypotheses;
      return {};
    }
    auto labels = read_labels(*own);
    if (!labels || labels->empty()) {
      return bad_input(
          "expected at least one label: a list of texts, or one text with commas, as "
          "candidate_labels");
    }
    for (const std::string& label : *labels) {
      if (config::invalid_utf8_at(label)) {
        return error(Errc::invalid_input, "BAD_UTF8", "candidate_labels: not valid UTF-8");
      }
    }
    if (settings_.hypothesis.fill(labels->front()) == settings_.hypothesis_text) {
      return bad_input("the first label does not change the hypothesis_template");
    }
    auto hypotheses = hypotheses_of(*labels, settings_.hypothesis, *tokenizer_, rules_);
    if (!hypotheses) return std::move(hypotheses).error();
    question.hypotheses = *std::move(hypotheses);
    question.labels = *std::move(labels);
    return {};
  }

  /// Cuts the sequence to a length in all, never the hypothesis; where that leaves no room for it,
  /// nothing is cut.
  Result<Encoding> join(const Tokens& sequence,
                        const Tokens& hypothesis,
                        std::size_t max_length) const {
    EncodeOptions options = encode_options(rules_);
    Truncation truncation;
    truncation.strategy = Truncation::Strategy::only_first;
    truncation.side = tokenizer_->truncation_side();
    truncation.max_length = max_length;
    options.truncation = truncation;
    auto encoding = tokenizer_->join(sequence, hypothesis, options);
    if (encoding || encoding.error().code != "BAD_TRUNCATION") return encoding;
    options.truncation.reset();
    return tokenizer_->join(sequence, hypothesis, options);
  }

  Result<EncodedText> encode(const Tokens& sequence, const Tokens& hypothesis) const {
    const std::size_t own_limit = tokenizer_->model_max_length();
    auto encoding = join(sequence, hypothesis, std::min(own_limit, rules_.too_many()));
    const bool cut_by_default = encoding && !rules_.allow(encoding->ids);
    const std::size_t limit = cut_by_default ? std::min(own_limit, rules_.longest()) : own_limit;
    if (cut_by_default) encoding = join(sequence, hypothesis, limit);
    if (!encoding) return std::move(encoding).error();
    const bool too_long = !rules_.allow(encoding->ids);
    if (too_long || (encoding->truncated && rules_.refuse_long)) {
      return error(
          Errc::invalid_input,
          "TOO_LONG",
          fmt::format("a text and its hypothesis have more tokens than the {} that the "
                      "model takes; shorten the {}",
                      limit,
                      too_long ? "labels" : "text, or allow cutting with truncation: true"));
    }
    EncodedText encoded;
    encoded.cut = encoding->truncated;
    encoded.cut_by_default = encoded.cut && cut_by_default;
    encoded.item = item_of(
        *std::move(encoding), rules_.knows_types && tokenizer_->wants_type_ids(), Wanted::head);
    return encoded;
  }

  Result<Json> result_of(const ZeroShotState& state,
                         std::size_t sequence,
                         std::span<const RowView> rows) const {
    const std::vector<std::size_t>& row_of = state.row_of[sequence];
    std::vector<float> scores;
    for (const std::size_t row : row_of) {
      const std::span<const float> values = rows[row].values;
      if (!all_finite(values)) {
        return error(Errc::invalid_input,
                     "NONFINITE",
                     "a score is not a finite number; see `on_nonfinite` of the stage");
      }
      scores.push_back(values[settings_.columns.entailment]);
    }
    if (settings_.multi_label || scores.size() == 1) {
      for (std::size_t i = 0; i < scores.size(); ++i) {
        std::array<float, 2> two = {rows[row_of[i]].values[settings_.columns.contradiction],
                                    scores[i]};
        softmax_in_place(two);
        scores[i] = two[1];
      }
    } else {
      softmax_in_place(scores);
    }
    // Of equal scores the later label comes first: an ascending order is read backwards.
    std::vector<std::size_t> order(scores.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return scores[a] < scores[b];
    });
    std::reverse(order.begin(), order.end());
    Json labels = Json::array();
    Json ordered = Json::array();
    for (const std::size_t i : order) {
      labels.push_back(state.question.labels[i]);
      ordered.push_back(static_cast<double>(scores[i]));
    }
    Json result = {{"sequence", state.question.sequences[sequence]},
                   {"labels", std::move(labels)},
                   {"scores", std::move(ordered)}};
    if (state.cut_by_default[sequence]) result["truncated"] = true;
    return result;
  }

  std::shared_ptr<const Tokenizer> tokenizer_;
  TextRules rules_;
  Settings settings_;
};

void read_candidate_labels(ParameterReader& reader, Settings& settings) {
  const Json* given = reader.find("candidate_labels");
  if (given == nullptr || given->is_null()) return;
  settings.labels = read_labels(*given);
  if (settings.labels && settings.labels->size() > config::kMaxTextsPerRecord) {
    reader.bad("candidate_labels", fmt::format("at most {} labels", config::kMaxTextsPerRecord));
  } else if (!settings.labels || settings.labels->empty()) {
    reader.bad("candidate_labels", "at least one label: a list of texts, or one text with commas");
  }
}

void read_template(ParameterReader& reader, Settings& settings, std::vector<Error>& errors) {
  settings.hypothesis_text = kDefaultTemplate;
  if (const Json* given = reader.find("hypothesis_template"); given && !given->is_null()) {
    if (!given->is_string()) return reader.bad("hypothesis_template", "a text with {}");
    settings.hypothesis_text = given->get<std::string>();
  }
  auto parsed = HypothesisTemplate::parse(settings.hypothesis_text);
  if (!parsed) {
    Error problem = std::move(parsed).error();
    problem.message = "parameters.hypothesis_template: " + problem.message;
    errors.push_back(std::move(problem));
    return;
  }
  settings.hypothesis = *std::move(parsed);
  const std::string label = settings.labels && !settings.labels->empty() ? settings.labels->front()
                                                                         : std::string("label");
  if (settings.hypothesis.fill(label) == settings.hypothesis_text) {
    reader.bad("hypothesis_template", "a text with {} where the label goes");
  }
}

/// What the tokenizer cannot read of a label is said now, not for every record.
void read_hypotheses(ParameterReader& reader, const TaskRequest& request, Settings& settings) {
  if (!settings.labels) return;
  auto hypotheses =
      hypotheses_of(*settings.labels, settings.hypothesis, *request.tokenizer, request.rules);
  if (hypotheses) {
    settings.hypotheses = *std::move(hypotheses);
  } else {
    reader.bad("candidate_labels",
               fmt::format("labels that the tokenizer can read ({})", hypotheses.error().message));
  }
}

MadeTask make(const TaskRequest& request) {
  MadeTask made;
  const Json none = Json::object();
  ParameterReader reader(
      request.parameters ? *request.parameters : none, kParameters, "parameters", made.errors);
  Settings settings;
  read_candidate_labels(reader, settings);
  read_template(reader, settings, made.errors);
  const auto old_name = reader.flag("multi_class");
  const auto new_name = reader.flag("multi_label");
  settings.multi_label = old_name ? *old_name : new_name.value_or(false);
  settings.columns = columns_of(request.facts, request.config.get());
  read_hypotheses(reader, request, settings);
  if (made.errors.empty()) {
    made.task = std::make_unique<ZeroShotClassification>(
        request.tokenizer, request.rules, std::move(settings));
  }
  return made;
}

std::vector<Parameter> parameters() { return {kParameters.begin(), kParameters.end()}; }

}  // namespace

TaskEntry zero_shot_classification() {
  return {
      "zero-shot-classification",
      "Chooses among labels that the model was never trained on, by natural language inference.",
      kInputs,
      kExample,
      HeadKind::sequence_classification,
      parameters,
      make};
}

}  // namespace millrace::pipeline
