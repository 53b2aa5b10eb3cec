#include "pipeline/models/electra.h"

#include "pipeline/models/bert_family.h"
#include "pipeline/models/text_encoder_build.h"

#include <array>
#include <utility>

namespace millrace::pipeline {
namespace {

constexpr std::array<HeadNames, 5> kHeads = {{
    {.kind = HeadKind::none, .architecture = "ElectraModel"},
    {.kind = HeadKind::sequence_classification,
     .architecture = "ElectraForSequenceClassification",
     .dense = "classifier.dense",
     .activation = "gelu",
     .scores = "classifier.out_proj"},
    {.kind = HeadKind::token_classification,
     .architecture = "ElectraForTokenClassification",
     .scores = "classifier"},
    {.kind = HeadKind::question_answering,
     .architecture = "ElectraForQuestionAnswering",
     .scores = "qa_outputs"},
    {.kind = HeadKind::masked_lm,
     .architecture = "ElectraForMaskedLM",
     .dense = "generator_predictions.dense",
     .activation = "gelu",
     .norm = "generator_predictions.LayerNorm",
     .scores = "generator_lm_head"},
}};

BuiltModel build(const ModelRequest& request) {
  ModelConfig config(*request.config);
  EncoderShape shape = bert_shape(config);
  shape.types = config.size("type_vocab_size");
  shape.embedding = config.size("embedding_size");
  EncoderNames names = bert_names("electra.");
  if (shape.embedding != shape.width) names.project = "embeddings_project";
  return build_text_encoder(
      request, names, *find_head(kHeads, request.head), std::move(shape), config);
}

}  // namespace

Architecture electra() {
  return {.model_type = "electra",
          .sentence = "ELECTRA: embeddings, labels of texts and of tokens, answers, masked words.",
          .heads = kHeads,
          .build = build};
}

}  // namespace millrace::pipeline
