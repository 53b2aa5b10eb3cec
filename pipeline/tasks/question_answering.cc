#include "pipeline/tasks/question_answering.h"

#include "pipeline/tasks/answer_spans.h"
#include "pipeline/tasks/code_points.h"
#include "pipeline/tasks/gather.h"
#include "pipeline/tasks/scores.h"
#include "pipeline/text/normalizer.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

// Source: transformers 4.57, pipelines/question_answering.py, with a fast tokenizer.

namespace millrace::pipeline {
namespace {

constexpr std::array kParameters = {
    Parameter{"top_k", "integer from 1", "How many answers to give at most; 1 by default."},
    Parameter{"topk", "integer from 1", "The old name of top_k."},
    Parameter{
        "doc_stride",
        "integer",
        "Tokens that two windows over a long context share; half of max_seq_len, at most 128, "
        "by default."},
    Parameter{"max_answer_len", "integer from 1", "Tokens of an answer at most; 15 by default."},
    Parameter{"max_seq_len",
              "integer",
              "Tokens of a window, question included; what the tokenizer takes, at most 384, by "
              "default."},
    Parameter{"max_question_len", "integer", "Accepted and without effect, as in transformers."},
    Parameter{"handle_impossible_answer",
              "true or false",
              "Whether the empty answer takes part, with the score that there is none."},
    Parameter{"align_to_words",
              "true or false",
              "Whether answers begin and end with words; true by default."},
    Parameter{"padding",
              "true, false, longest, max_length, do_not_pad",
              "Accepted and without effect: rows are never padded."},
};

constexpr std::array kInputs = {
    InputForm{R"({"question": "who?", "context": "a text"})",
              "`{score, start, end, answer}`; a list of them when more than one answer remains"},
    InputForm{R"({"question": ["who?", "when?"], "context": "a text"})",
              "a list of their results; context may be a list, too"},
    InputForm{R"([{"question": "who?", "context": "a text"}])", "a list of their results"},
};

constexpr TaskExample kExample = {
    .model = "tests/golden/tiny_qa",
    .input = R"({"question": "what broke", "context": "The screen broke after two days."})",
    .parameters = "",
    .output = R"({"score":0.06189918518066406,"start":27,"end":31,"answer":"days"})"};

constexpr std::array<std::string_view, 3> kPaddings = {"longest", "max_length", "do_not_pad"};
constexpr std::int64_t kMost = 1'000'000;
constexpr std::size_t kDefaultWindow = 384;
constexpr std::size_t kDefaultStride = 128;
constexpr std::size_t kDefaultAnswer = 15;

/// How a long context is cut.
struct WindowSize {
  std::size_t tokens = kDefaultWindow;
  std::size_t stride = kDefaultStride;
};

struct Settings {
  std::size_t top_k = 1;
  std::size_t max_answer = kDefaultAnswer;
  WindowSize window;
  std::optional<WindowSize> shorter;  // where the model does not take such windows
  bool impossible = false;
  bool whole_words = true;
};

/// Views into the record.
struct Asked {
  std::string_view question;
  std::string_view context;
};

/// One window over a context.
struct AskedWindow {
  std::vector<std::uint8_t> allowed;   // per token
  std::vector<Offset> offsets;         // per token
  std::vector<std::int32_t> words;     // per token
  std::vector<std::int32_t> sequence;  // per token
};

/// A question with its windows, which are as many items in a row.
struct AskedState {
  std::string context;
  std::vector<AskedWindow> windows;
};

struct QuestionState final : TaskState {
  std::vector<AskedState> asked;
  bool is_list = false;
};

struct Answer {
  double score = 0.0;
  std::size_t start = 0;
  std::size_t end = 0;
  std::string text;
  std::string lower;  // answers are the same when these are
};

Result<std::string_view> text_of(const Json& value, std::string_view name) {
  if (value.is_null()) return bad_input(fmt::format("{} cannot be null", name));
  auto text = read_text(value, name);
  if (text && text->empty()) return bad_input(fmt::format("{} cannot be empty", name));
  return text;
}

Result<Asked> read_pair(const Json& question, const Json& context) {
  auto asked = text_of(question, "question");
  if (!asked) return std::move(asked).error();
  auto about = text_of(context, "context");
  if (!about) return std::move(about).error();
  return Asked{*asked, *about};
}

/// Adds what one object asks; its question, or both, may be lists.
Result<bool> read_object(const Json& object, std::vector<Asked>& out) {
  if (!object.is_object() || object.size() != 2 || !object.contains("question") ||
      !object.contains("context")) {
    return bad_input("expected {\"question\": …, \"context\": …}; build it with a map stage");
  }
  const Json& question = object["question"];
  const Json& context = object["context"];
  if (!question.is_array()) {
    auto one = read_pair(question, context);
    if (!one) return std::move(one).error();
    out.push_back(*std::move(one));
    return false;
  }
  if (context.is_array() && context.size() != question.size()) {
    return bad_input(
        fmt::format("{} questions and {} contexts: expected as many of one as of the "
                    "other, or one context",
                    question.size(),
                    context.size()));
  }
  if (auto fits = check_count(out.size() + question.size(), "questions"); !fits)
    return std::move(fits).error();
  for (std::size_t i = 0; i < question.size(); ++i) {
    auto one = read_pair(question[i], context.is_array() ? context[i] : context);
    if (!one) return std::move(one).error();
    out.push_back(*std::move(one));
  }
  return true;
}

class QuestionAnswering final : public Task {
 public:
  QuestionAnswering(std::shared_ptr<const Tokenizer> tokenizer, TextRules rules, Settings settings)
      : tokenizer_(std::move(tokenizer)),
        rules_(rules),
        settings_(settings),
        question_first_(!tokenizer_->pads_left()),
        lower_({.lowercase = true}) {}

  Result<Prepared> prepare(const Json& input) const override {
    std::vector<Asked> asked;
    auto state = std::make_unique<QuestionState>();
    auto read = read_input(input, asked);
    if (!read) return std::move(read).error();
    state->is_list = *read;
    Prepared prepared;
    for (const Asked& one : asked) {
      auto windows = windows_of(one, prepared.items);
      if (!windows) return std::move(windows).error();
      state->asked.push_back({std::string(one.context), *std::move(windows)});
    }
    prepared.state = std::move(state);
    return prepared;
  }

  Result<Json> finish(const Prepared& prepared, std::span<const RowView> rows) const override {
    const auto& state = static_cast<const QuestionState&>(*prepared.state);
    return gather(
        state.asked.size(),
        state.is_list,
        rows,
        [&](std::size_t i) { return state.asked[i].windows.size(); },
        [&](std::size_t i, std::span<const RowView> own) { return answer(state.asked[i], own); });
  }

 private:
  /// Returns whether the result is a list.
  static Result<bool> read_input(const Json& input, std::vector<Asked>& asked) {
    bool is_list = input.is_array();
    if (!is_list) {
      auto read = read_object(input, asked);
      if (!read) return read;
      is_list = *read;
    } else {
      for (const Json& element : input) {
        if (auto read = read_object(element, asked); !read) return read;
      }
    }
    if (auto fits = check_count(asked.size(), "questions"); !fits) return std::move(fits).error();
    return is_list;
  }

  Result<std::vector<AskedWindow>> windows_of(const Asked& asked, std::vector<Item>& items) const {
    auto encodings = encode(asked, settings_.window);
    if (!encodings) return std::move(encodings).error();
    const Encoding* refused = not_taken(*encodings);
    if (refused != nullptr && settings_.shorter) {
      encodings = encode(asked, *settings_.shorter);
      if (!encodings) return std::move(encodings).error();
      refused = not_taken(*encodings);
    }
    if (refused != nullptr) {
      return error(Errc::invalid_input,
                   "TOO_LONG",
                   fmt::format("a window has {} tokens, the model takes {}; lower max_seq_len",
                               refused->ids.size(),
                               rules_.max_positions));
    }
    std::vector<AskedWindow> windows;
    for (Encoding& window : *encodings) windows.push_back(take_window(std::move(window), items));
    return windows;
  }

  /// Returns the first window that the model does not take; null if there is none. A later one may
  /// be shorter and yet hold more tokens that take a position.
  const Encoding* not_taken(const std::vector<Encoding>& windows) const {
    const auto found = std::find_if(windows.begin(), windows.end(), [&](const Encoding& window) {
      return !rules_.allow(window.ids);
    });
    return found == windows.end() ? nullptr : &*found;
  }

  /// Returns the windows, one or more.
  Result<std::vector<Encoding>> encode(const Asked& asked, const WindowSize& size) const {
    EncodeOptions options;
    options.parse_special = !rules_.plain_specials;
    options.want_offsets = true;
    options.want_overflow = true;
    Truncation truncation;
    truncation.strategy =
        question_first_ ? Truncation::Strategy::only_second : Truncation::Strategy::only_first;
    truncation.max_length = size.tokens;
    truncation.stride = size.stride;
    truncation.side = tokenizer_->truncation_side();
    options.truncation = truncation;
    auto encoding = question_first_
                        ? tokenizer_->encode_pair(asked.question, asked.context, options)
                        : tokenizer_->encode_pair(asked.context, asked.question, options);
    if (!encoding) return std::move(encoding).error();
    std::vector<Encoding> windows = std::exchange(encoding->overflowing, {});
    windows.insert(windows.begin(), *std::move(encoding));
    return windows;
  }

  AskedWindow take_window(Encoding encoding, std::vector<Item>& items) const {
    AskedWindow window;
    const auto cls = tokenizer_->cls_id();
    for (std::size_t i = 0; i < encoding.ids.size(); ++i) {
      // With the context first transformers allows every token.
      const bool in_context = !question_first_ || encoding.sequence[i] == 1;
      window.allowed.push_back(in_context || encoding.ids[i] == cls ? 1 : 0);
    }
    window.offsets = std::move(encoding.offsets);
    window.words = std::move(encoding.words);
    window.sequence = std::move(encoding.sequence);
    items.push_back(item_of(
        std::move(encoding), rules_.knows_types && tokenizer_->wants_type_ids(), Wanted::tokens));
    return window;
  }

  Result<Json> answer(const AskedState& asked, std::span<const RowView> rows) const {
    const CodePoints context(asked.context);
    std::vector<Answer> answers;
    float null_score = std::numeric_limits<float>::max();
    const std::size_t most = settings_.whole_words ? 2 * settings_.top_k + 10 : settings_.top_k;
    for (std::size_t w = 0; w < rows.size(); ++w) {
      if (!all_finite(rows[w].values)) {
        return error(Errc::invalid_input,
                     "NONFINITE",
                     "a score is not a finite number; see `on_nonfinite` of the stage");
      }
      const AskedWindow& window = asked.windows[w];
      const WindowAnswers found = best_spans(rows[w], window.allowed, settings_.max_answer, most);
      null_score = std::min(null_score, found.null_score);
      for (const AnswerSpan& span : found.spans) add(span, window, context, answers);
    }
    if (settings_.impossible) {
      answers.push_back({.score = null_score, .start = 0, .end = 0, .text = {}, .lower = {}});
    }
    if (answers.empty()) answers.emplace_back();  // a context without a word
    std::stable_sort(answers.begin(), answers.end(), [](const Answer& a, const Answer& b) {
      return a.score > b.score;
    });
    answers.resize(std::min(answers.size(), settings_.top_k));
    Json list = Json::array();
    for (const Answer& one : answers) {
      list.push_back(
          {{"score", one.score}, {"start", one.start}, {"end", one.end}, {"answer", one.text}});
    }
    return list.size() == 1 ? list[0] : list;
  }

  /// Adds a span, or its score to that of an answer that reads the same.
  void add(const AnswerSpan& span,
           const AskedWindow& window,
           const CodePoints& context,
           std::vector<Answer>& answers) const {
    const auto [start, end] = range_of(span, window);
    Answer answer{.score = span.score, .start = start, .end = end, .text = {}, .lower = {}};
    answer.text = context.slice(start, end);
    Normalized lower;
    lower_.normalize(answer.text, 0, Origins::skip, lower);
    answer.lower = lower.view();
    for (Answer& known : answers) {
      if (known.lower != answer.lower) continue;
      known.score += answer.score;
      return;
    }
    answers.push_back(std::move(answer));
  }

  /// Returns code points of the context.
  std::pair<std::size_t, std::size_t> range_of(const AnswerSpan& span,
                                               const AskedWindow& window) const {
    if (settings_.whole_words) {
      const auto first = word_at(window, window.words[span.start]);
      const auto last = word_at(window, window.words[span.end]);
      if (first && last) return {first->begin, last->end};
    }
    return {window.offsets[span.start].begin, window.offsets[span.end].end};
  }

  /// Returns the range of a word of the context within a window; nothing where it is not there.
  std::optional<Offset> word_at(const AskedWindow& window, std::int32_t word) const {
    if (word < 0) return std::nullopt;
    const std::int32_t context = question_first_ ? 1 : 0;
    std::optional<Offset> range;
    for (std::size_t i = 0; i < window.words.size(); ++i) {
      if (window.sequence[i] != context || window.words[i] != word) continue;
      if (!range) range = window.offsets[i];
      range->end = window.offsets[i].end;
    }
    return range;
  }

  std::shared_ptr<const Tokenizer> tokenizer_;
  TextRules rules_;
  Settings settings_;
  bool question_first_;
  Normalizer lower_;
};

std::size_t size_or(std::optional<std::int64_t> given, std::size_t missing) {
  return given ? static_cast<std::size_t>(*given) : missing;
}

/// Without a length of the call the windows are as long as the model takes them, where it does not
/// take those of transformers.
void read_windows(ParameterReader& reader, const TaskRequest& request, Settings& settings) {
  const auto length = reader.integer("max_seq_len", 1, kMost);
  const auto stride = reader.integer("doc_stride", 0, kMost);
  const auto size = [&](std::size_t tokens) {
    return WindowSize{tokens, size_or(stride, std::min(tokens / 2, kDefaultStride))};
  };
  const std::size_t own = std::min(request.tokenizer->model_max_length(), kDefaultWindow);
  settings.window = size(size_or(length, own));
  if (!length && request.rules.longest() < own) settings.shorter = size(request.rules.longest());
  const WindowSize& shortest = settings.shorter ? *settings.shorter : settings.window;
  if (shortest.stride > shortest.tokens) {
    reader.bad("doc_stride", fmt::format("at most max_seq_len, which is {}", shortest.tokens));
  }
}

Settings read_settings(ParameterReader& reader, const TaskRequest& request) {
  Settings settings;
  const auto old_name = reader.integer("topk", 1, kMost);
  const auto new_name = reader.integer("top_k", 1, kMost);
  settings.top_k = size_or(new_name ? new_name : old_name, 1);
  settings.max_answer = size_or(reader.integer("max_answer_len", 1, kMost), kDefaultAnswer);
  read_windows(reader, request, settings);
  reader.integer("max_question_len", 1, kMost);
  settings.impossible = reader.flag("handle_impossible_answer").value_or(false);
  settings.whole_words = reader.flag("align_to_words").value_or(true);
  if (const Json* padding = reader.find("padding");
      padding != nullptr && !padding->is_boolean() && !padding->is_null()) {
    reader.choice("padding", kPaddings);
  }
  return settings;
}

MadeTask make(const TaskRequest& request) {
  MadeTask made;
  const Json none = Json::object();
  ParameterReader reader(
      request.parameters ? *request.parameters : none, kParameters, "parameters", made.errors);
  const Settings settings = read_settings(reader, request);
  if (made.errors.empty()) {
    made.task = std::make_unique<QuestionAnswering>(request.tokenizer, request.rules, settings);
  }
  return made;
}

std::vector<Parameter> parameters() { return {kParameters.begin(), kParameters.end()}; }

}  // namespace

TaskEntry question_answering() {
  return {"question-answering",
          "Finds the part of a text that answers a question.",
          kInputs,
          kExample,
          HeadKind::question_answering,
          parameters,
          make};
}

}  // namespace millrace::pipeline
