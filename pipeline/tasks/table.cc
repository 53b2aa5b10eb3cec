#include "pipeline/tasks/table.h"

#include "pipeline/tasks/feature_extraction.h"
#include "pipeline/tasks/fill_mask.h"
#include "pipeline/tasks/question_answering.h"
#include "pipeline/tasks/text_classification.h"
#include "pipeline/tasks/token_classification.h"
#include "pipeline/tasks/tokenization.h"
#include "pipeline/tasks/zero_shot_classification.h"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

namespace millrace::pipeline {
namespace {

/// Other names that transformers takes.
constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kAliases = {
    {{"sentiment-analysis", "text-classification"}, {"ner", "token-classification"}}};

constexpr const char* kSmallTokenizer =
    R"({"added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": null,
        "decoder": null, "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100, "vocab": {"[UNK]": 0}}})";

}  // namespace

std::span<const TaskEntry> tasks() {
  static const std::array all = {text_classification(),
                                 token_classification(),
                                 question_answering(),
                                 zero_shot_classification(),
                                 fill_mask(),
                                 feature_extraction(),
                                 tokenization()};
  return all;
}

std::vector<std::string_view> aliases_of(const TaskEntry& task) {
  std::vector<std::string_view> names;
  for (const auto& [alias, target] : kAliases) {
    if (target == task.name) names.push_back(alias);
  }
  return names;
}

const TaskEntry* find_task(std::string_view name) {
  for (const auto& [alias, target] : kAliases) {
    if (name == alias) name = target;
  }
  for (const TaskEntry& entry : tasks()) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

std::vector<Error> check_parameters(const TaskEntry& task,
                                    const Json& parameters,
                                    std::shared_ptr<const Tokenizer> tokenizer) {
  if (!tokenizer) {
    auto small =
        Tokenizer::parse(kSmallTokenizer, R"({"mask_token": "[MASK]", "pad_token": "[PAD]"})");
    if (!small) return {std::move(small).error()};
    tokenizer = *std::move(small);
  }
  // A task is made as it will be made, on a model of no size.
  TaskRequest request;
  request.tokenizer = std::move(tokenizer);
  request.facts.labels = {"LABEL_0", "LABEL_1"};
  request.parameters = std::make_shared<const Json>(parameters);
  return task.make(request).errors;
}

}  // namespace millrace::pipeline
