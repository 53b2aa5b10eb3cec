#include "pipeline/tasks/feature_extraction.h"

#include "pipeline/tasks/scores.h"

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

// Source: transformers 4.57, pipelines/feature_extraction.py; pooling and normalize are additions,
// as sentence-transformers computes them.

namespace millrace::pipeline {
namespace {

constexpr std::array kOwn = {
    Parameter{
        "pooling", "none, cls, mean", "One vector for the text instead of one for each token."},
    Parameter{"normalize", "true or false", "Scales each vector to length one."},
    Parameter{"truncation",
              "true, false, longest_first, only_first, only_second",
              "How a text that is too long is cut."},
    Parameter{"tokenize_kwargs",
              "object",
              "Arguments of the tokenizer: truncation, max_length, add_special_tokens …"},
    Parameter{"return_tensors", "false", "Accepted only as false: results are JSON."},
};

constexpr std::array kInputs = {
    InputForm{R"("a text")",
              "`[1][tokens][width]` numbers; with `pooling` one vector of `width` numbers"},
    InputForm{R"(["a text", "another"])", "a list of their results"},
};

constexpr TaskExample kExample = {
    .model = "tests/golden/tiny_regression",
    .input = R"("the food was great")",
    .parameters = R"({"pooling": "mean", "normalize": true})",
    .output =
        R"([-0.1692274,0.15770003,0.23603928,0.18679918,-0.042984247,-0.15141234,-0.24039789,-0.4609279,0.43079802,0.084911615,-0.1048401,0.031919193,-0.48194113,0.21885373,0.04884633,0.2711236])"};

constexpr std::string_view kInner = "parameters.tokenize_kwargs";

constexpr std::array<std::string_view, 3> kPoolings = {"none", "cls", "mean"};

std::vector<Parameter> parameters() { return {kOwn.begin(), kOwn.end()}; }

class FeatureExtraction final : public Task {
 public:
  FeatureExtraction(TextEncoding encoding, Wanted wanted, bool normalize)
      : encoding_(std::move(encoding)), wanted_(wanted), normalize_(normalize) {}

  Result<Prepared> prepare(const Json& input) const override {
    return prepare_texts(encoding_, input, Pairs::refused, wanted_);
  }

  Result<Json> finish(const Prepared& prepared, std::span<const RowView> rows) const override {
    return finish_texts(
        prepared, rows, [this](const RowView& row, bool) { return result_of(row); });
  }

 private:
  /// [1][tokens][width], or a flat vector if it is pooled.
  Result<Json> result_of(const RowView& row) const {
    if (!all_finite(row.values)) {
      return error(Errc::invalid_input,
                   "NONFINITE",
                   "a hidden state is not a finite number; see `on_nonfinite` of the stage");
    }
    if (wanted_ != Wanted::hidden) return vector_of(row.values);
    Json tokens = Json::array();
    for (std::size_t i = 0; i < row.rows(); ++i) tokens.push_back(vector_of(row.row(i)));
    return Json::array({std::move(tokens)});
  }

  Json vector_of(std::span<const float> values) const {
    if (!normalize_) return config::float_vector(values);
    std::vector<float> unit(values.begin(), values.end());
    normalize_in_place(unit);
    return config::float_vector(unit);
  }

  TextEncoding encoding_;
  Wanted wanted_;
  bool normalize_;
};

Wanted wanted_for(std::string_view pooling) {
  if (pooling == "mean") return Wanted::mean;
  if (pooling == "cls") return Wanted::first;
  return Wanted::hidden;
}

MadeTask make(const TaskRequest& request) {
  MadeTask made;
  const Json none = Json::object();
  const Json& given = request.parameters ? *request.parameters : none;
  const std::vector<Parameter> known = parameters();
  ParameterReader reader(
      given, known, "parameters", made.errors, {.names = tokenizer_parameters(), .place = kInner});
  const Wanted wanted = wanted_for(reader.choice("pooling", kPoolings).value_or("none"));
  const bool normalize = reader.flag("normalize").value_or(false);
  if (reader.flag("return_tensors").value_or(false))
    reader.bad("return_tensors", "false: results are JSON");

  // Truncation may be said in one of two places.
  Json tokenizer_arguments = Json::object();
  if (const Json* arguments = reader.find("tokenize_kwargs");
      arguments != nullptr && !arguments->is_null()) {
    if (arguments->is_object()) {
      tokenizer_arguments = *arguments;
    } else {
      reader.bad("tokenize_kwargs", "an object");
    }
  }
  if (const Json* truncation = reader.find("truncation");
      truncation != nullptr && !truncation->is_null()) {
    if (tokenizer_arguments.contains("truncation")) {
      reader.bad("truncation", "it once, here or in tokenize_kwargs");
    } else {
      tokenizer_arguments["truncation"] = *truncation;
    }
  }
  ParameterReader inner(
      tokenizer_arguments, tokenizer_parameters(), std::string(kInner), made.errors);
  TextEncoding encoding(request.tokenizer, request.rules, inner);
  if (made.errors.empty())
    made.task = std::make_unique<FeatureExtraction>(std::move(encoding), wanted, normalize);
  return made;
}

}  // namespace

TaskEntry feature_extraction() {
  return {"feature-extraction",
          "Gives the hidden states of a text, or one vector for it.",
          kInputs,
          kExample,
          HeadKind::none,
          parameters,
          make};
}

}  // namespace millrace::pipeline
