#include "pipeline/models/roberta.h"

#include "pipeline/models/bert_family.h"
#include "pipeline/models/text_encoder_build.h"

#include <array>
#include <utility>

namespace millrace::pipeline {
namespace {

/// The classes of transformers that differ in nothing but their names.
struct ClassNames {
  std::string_view model;
  std::string_view texts;
  std::string_view tokens;
  std::string_view questions;
  std::string_view words;
};

constexpr std::array<HeadNames, 5> heads_of(const ClassNames& classes) {
  return {{
      {.kind = HeadKind::none, .architecture = classes.model},
      {.kind = HeadKind::sequence_classification,
       .architecture = classes.texts,
       .dense = "classifier.dense",
       .activation = "tanh",
       .scores = "classifier.out_proj"},
      {.kind = HeadKind::token_classification,
       .architecture = classes.tokens,
       .scores = "classifier"},
      {.kind = HeadKind::question_answering,
       .architecture = classes.questions,
       .scores = "qa_outputs"},
      {.kind = HeadKind::masked_lm,
       .architecture = classes.words,
       .dense = "lm_head.dense",
       .activation = "gelu",
       .norm = "lm_head.layer_norm",
       .scores = "lm_head.decoder",
       .scores_bias = "lm_head.bias"},
  }};
}

constexpr auto kRobertaHeads = heads_of({.model = "RobertaModel",
                                         .texts = "RobertaForSequenceClassification",
                                         .tokens = "RobertaForTokenClassification",
                                         .questions = "RobertaForQuestionAnswering",
                                         .words = "RobertaForMaskedLM"});
constexpr auto kXlmRobertaHeads = heads_of({.model = "XLMRobertaModel",
                                            .texts = "XLMRobertaForSequenceClassification",
                                            .tokens = "XLMRobertaForTokenClassification",
                                            .questions = "XLMRobertaForQuestionAnswering",
                                            .words = "XLMRobertaForMaskedLM"});
constexpr auto kCamembertHeads = heads_of({.model = "CamembertModel",
                                           .texts = "CamembertForSequenceClassification",
                                           .tokens = "CamembertForTokenClassification",
                                           .questions = "CamembertForQuestionAnswering",
                                           .words = "CamembertForMaskedLM"});

constexpr std::int64_t kPadByDefault = 1;

template <const auto& heads>
BuiltModel build(const ModelRequest& request) {
  ModelConfig config(*request.config);
  EncoderShape shape = bert_shape(config);
  shape.types = config.size("type_vocab_size");
  shape.pad = config.size_or("pad_token_id", kPadByDefault);
  return build_text_encoder(
      request, bert_names("roberta."), *find_head(heads, request.head), std::move(shape), config);
}

}  // namespace

Architecture roberta() {
  return {.model_type = "roberta",
          .sentence = "RoBERTa: embeddings, labels of texts and of tokens, answers, masked words.",
          .heads = kRobertaHeads,
          .build = build<kRobertaHeads>};
}

Architecture xlm_roberta() {
  return {
      .model_type = "xlm-roberta",
      .sentence = "XLM-RoBERTa: embeddings, labels of texts and of tokens, answers, masked words.",
      .heads = kXlmRobertaHeads,
      .build = build<kXlmRobertaHeads>};
}

Architecture camembert() {
  return {
      .model_type = "camembert",
      .sentence = "CamemBERT: embeddings, labels of texts and of tokens, answers, masked words.",
      .heads = kCamembertHeads,
      .build = build<kCamembertHeads>};
}

}  // namespace millrace::pipeline
