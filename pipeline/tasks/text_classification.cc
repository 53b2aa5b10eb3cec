#include "pipeline/tasks/text_classification.h"

#include "pipeline/tasks/scores.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

// Source: transformers 4.57, pipelines/text_classification.py.

namespace millrace::pipeline {
namespace {

enum class Function : std::uint8_t { none, sigmoid, softmax };

constexpr std::array kOwn = {
    Parameter{"top_k", "integer or null", "How many labels to give, best first; null gives all."},
    Parameter{
        "function_to_apply", "sigmoid, softmax, none", "What makes scores of the model's numbers."},
    Parameter{"return_all_scores",
              "true or false",
              "The old way to ask for all labels, in their own order."},
};

constexpr std::array kInputs = {
    InputForm{R"("a text")", "`{label, score}`; a list of them with `top_k`"},
    InputForm{R"({"text": "a text", "text_pair": "another"})",
              "the same, for two texts that the model reads together"},
    InputForm{R"(["a text", {"text": "a text", "text_pair": "another"}])",
              "a list of their results"},
};

constexpr TaskExample kExample = {
    .model = "tests/golden/tiny_bert",
    .input = R"("the food was great")",
    .parameters = R"({"top_k": 2})",
    .output =
        R"([{"label":"positive","score":0.5354525446891785},{"label":"negative","score":0.2632720172405243}])"};

constexpr std::array<std::string_view, 3> kFunctions = {"sigmoid", "softmax", "none"};

std::vector<Parameter> parameters() {
  std::vector<Parameter> all(kOwn.begin(), kOwn.end());
  const auto rest = tokenizer_parameters();
  all.insert(all.end(), rest.begin(), rest.end());
  return all;
}

Function function_named(std::string_view name) {
  if (name == "sigmoid") return Function::sigmoid;
  if (name == "softmax") return Function::softmax;
  return Function::none;
}

Function function_of_model(const ModelFacts& facts) {
  if (facts.problem_type == "regression") return Function::none;
  if (facts.problem_type == "multi_label_classification" || facts.labels.size() == 1)
    return Function::sigmoid;
  return Function::softmax;
}

/// How results look.
struct Shape {
  bool only_best = true;  // one object instead of a list
  bool sorted = true;
  std::optional<std::int64_t> top_k;  // of a list; nothing keeps all
};

class TextClassification final : public Task {
 public:
  TextClassification(TextEncoding encoding,
                     std::vector<std::string> labels,
                     Function function,
                     Shape shape)
      : encoding_(std::move(encoding)),
        labels_(std::move(labels)),
        function_(function),
        shape_(shape) {}

  Result<Prepared> prepare(const Json& input) const override {
    return prepare_texts(encoding_, input, Pairs::accepted, Wanted::head);
  }

  Result<Json> finish(const Prepared& prepared, std::span<const RowView> rows) const override {
    return finish_texts(prepared, rows, [this](const RowView& row, bool cut_by_default) {
      return result_of(row, cut_by_default);
    });
  }

 private:
  Result<Json> result_of(const RowView& row, bool cut_by_default) const {
    std::vector<float> scores(row.values.begin(), row.values.end());
    if (scores.size() != labels_.size() || scores.empty()) {
      return error(Errc::internal,
                   "FORWARD_FAILED",
                   fmt::format("the head gave {} numbers, expected one for each of {} labels",
                               scores.size(),
                               labels_.size()));
    }
    if (function_ == Function::softmax) softmax_in_place(scores);
    if (function_ == Function::sigmoid) sigmoid_in_place(scores);
    if (!all_finite(scores)) {
      return error(Errc::invalid_input,
                   "NONFINITE",
                   "a score is not a finite number; see `on_nonfinite` of the stage");
    }
    if (shape_.only_best) return entry(best(scores), scores, cut_by_default);
    Json list = Json::array();
    if (shape_.sorted) {
      const auto order = ranked(scores);
      for (std::size_t i = 0; i < kept_by(shape_.top_k, order.size()); ++i) {
        list.push_back(entry(order[i], scores, cut_by_default));
      }
    } else {
      for (std::size_t i = 0; i < scores.size(); ++i)
        list.push_back(entry(i, scores, cut_by_default));
    }
    return list;
  }

  Json entry(std::size_t label, std::span<const float> scores, bool cut_by_default) const {
    Json object = {{"label", labels_[label]}, {"score", static_cast<double>(scores[label])}};
    if (cut_by_default) object["truncated"] = true;
    return object;
  }

  TextEncoding encoding_;
  std::vector<std::string> labels_;
  Function function_;
  Shape shape_;
};

/// `return_all_scores` counts only where no top_k is given; the config may set it, too.
Shape read_shape(ParameterReader& reader, const Json& config) {
  Shape shape;
  const Json* top_k = reader.find("top_k");
  if (top_k != nullptr && !top_k->is_null() && !top_k->is_number_integer()) {
    reader.bad("top_k", "an integer or null");
  } else if (top_k != nullptr) {
    shape.only_best = false;
    if (!top_k->is_null()) shape.top_k = reader.integer("top_k", INT32_MIN, INT32_MAX);
  }
  auto all_scores = reader.flag("return_all_scores");
  const auto in_config = config.is_object() ? config.find("return_all_scores") : config.end();
  if (!all_scores && config.is_object() && in_config != config.end() && in_config->is_boolean())
    all_scores = in_config->get<bool>();
  if (shape.only_best && all_scores.value_or(false)) {
    shape.only_best = false;
    shape.sorted = false;
  }
  return shape;
}

MadeTask make(const TaskRequest& request) {
  MadeTask made;
  const Json none = Json::object();
  const std::vector<Parameter> known = parameters();
  ParameterReader reader(
      request.parameters ? *request.parameters : none, known, "parameters", made.errors);
  Function function = function_of_model(request.facts);
  if (const auto name = reader.choice("function_to_apply", kFunctions))
    function = function_named(*name);
  const Shape shape = read_shape(reader, request.config ? *request.config : none);
  TextEncoding encoding(request.tokenizer, request.rules, reader);
  if (made.errors.empty()) {
    made.task = std::make_unique<TextClassification>(
        std::move(encoding), request.facts.labels, function, shape);
  }
  return made;
}

}  // namespace

TaskEntry text_classification() {
  return {"text-classification",
          "Labels a text, or a pair of texts, with scores.",
          kInputs,
          kExample,
          HeadKind::sequence_classification,
          parameters,
          make};
}

}  // namespace millrace::pipeline
