#include "pipeline/models/albert.h"

#include "pipeline/models/bert_family.h"
#include "pipeline/models/text_encoder_build.h"

#include <array>
#include <utility>

namespace millrace::pipeline {
namespace {

constexpr EncoderNames kNames = {.prefix = "albert.",
                                 .layer = "encoder.albert_layer_groups.",
                                 .query = "attention.query",
                                 .key = "attention.key",
                                 .value = "attention.value",
                                 .output = "attention.dense",
                                 .attention_norm = "attention.LayerNorm",
                                 .up = "ffn",
                                 .down = "ffn_output",
                                 .output_norm = "full_layer_layer_norm",
                                 .project = "encoder.embedding_hidden_mapping_in",
                                 .inner_layer = ".albert_layers."};

constexpr std::array<HeadNames, 5> kHeads = {{
    {.kind = HeadKind::none, .architecture = "AlbertModel"},
    {.kind = HeadKind::sequence_classification,
     .architecture = "AlbertForSequenceClassification",
     .dense = "pooler",
     .dense_in_base = true,
     .activation = "tanh",
     .scores = "classifier"},
    {.kind = HeadKind::token_classification,
     .architecture = "AlbertForTokenClassification",
     .scores = "classifier"},
    {.kind = HeadKind::question_answering,
     .architecture = "AlbertForQuestionAnswering",
     .scores = "qa_outputs"},
    {.kind = HeadKind::masked_lm,
     .architecture = "AlbertForMaskedLM",
     .dense = "predictions.dense",
     .norm = "predictions.LayerNorm",
     .scores = "predictions.decoder",
     .scores_bias = "predictions.bias"},
}};

BuiltModel build(const ModelRequest& request) {
  ModelConfig config(*request.config);
  EncoderShape shape = bert_shape(config);
  shape.types = config.size("type_vocab_size");
  shape.activation = config.text_or("hidden_act", "gelu_new");
  shape.embedding = config.size("embedding_size");
  shape.groups = config.size_or("num_hidden_groups", 1);
  shape.inner = config.size_or("inner_group_num", 1);
  if (shape.groups == 0 || shape.inner == 0) config.complain("config.json: groups without layers");
  return build_text_encoder(
      request, kNames, *find_head(kHeads, request.head), std::move(shape), config);
}

}  // namespace

Architecture albert() {
  return {.model_type = "albert",
          .sentence = "ALBERT: embeddings, labels of texts and of tokens, answers, masked words.",
          .heads = kHeads,
          .build = build};
}

}  // namespace millrace::pipeline
