#include "pipeline/models/bert.h"

#include "pipeline/models/bert_family.h"
#include "pipeline/models/text_encoder_build.h"

#include <array>
#include <utility>

namespace millrace::pipeline {
namespace {

constexpr EncoderNames kNames = bert_names("bert.");

constexpr std::array<HeadNames, 5> kHeads = {{
    {.kind = HeadKind::none, .architecture = "BertModel"},
    {.kind = HeadKind::sequence_classification,
     .architecture = "BertForSequenceClassification",
     .dense = "pooler.dense",
     .dense_in_base = true,
     .activation = "tanh",
     .scores = "classifier"},
    {.kind = HeadKind::token_classification,
     .architecture = "BertForTokenClassification",
     .scores = "classifier"},
    {.kind = HeadKind::question_answering,
     .architecture = "BertForQuestionAnswering",
     .scores = "qa_outputs"},
    {.kind = HeadKind::masked_lm,
     .architecture = "BertForMaskedLM",
     .dense = "cls.predictions.transform.dense",
     .norm = "cls.predictions.transform.LayerNorm",
     .scores = "cls.predictions.decoder",
     .scores_bias = "cls.predictions.bias"},
}};

BuiltModel build(const ModelRequest& request) {
  ModelConfig config(*request.config);
  EncoderShape shape = bert_shape(config);
  shape.types = config.size("type_vocab_size");
  return build_text_encoder(
      request, kNames, *find_head(kHeads, request.head), std::move(shape), config);
}

}  // namespace

Architecture bert() {
  return {.model_type = "bert",
          .sentence = "BERT: embeddings, labels of texts and of tokens, answers, masked words.",
          .heads = kHeads,
          .build = build};
}

}  // namespace millrace::pipeline
