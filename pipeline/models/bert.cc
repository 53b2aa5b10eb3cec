#include "pipeline/models/bert.h"

#include "pipeline/models/text_encoder_build.h"

#include <array>

#include <fmt/format.h>

namespace millrace::pipeline {
namespace {

constexpr EncoderNames kNames = {.prefix = "bert.",
                                 .layer = "encoder.layer.",
                                 .query = "attention.self.query",
                                 .key = "attention.self.key",
                                 .value = "attention.self.value",
                                 .output = "attention.output.dense",
                                 .attention_norm = "attention.output.LayerNorm",
                                 .up = "intermediate.dense",
                                 .down = "output.dense",
                                 .output_norm = "output.LayerNorm"};

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
  const EncoderShape shape = {.width = config.size("hidden_size"),
                              .layers = config.size("num_hidden_layers"),
                              .heads = config.size("num_attention_heads"),
                              .intermediate = config.size("intermediate_size"),
                              .vocabulary = config.size("vocab_size"),
                              .positions = config.size("max_position_embeddings"),
                              .types = config.size("type_vocab_size"),
                              .eps = config.number_or("layer_norm_eps", 1e-12),
                              .activation = config.text_or("hidden_act", "gelu")};
  const std::string positions = config.text_or("position_embedding_type", "absolute");
  if (positions != "absolute") {
    config.refuse(fmt::format("config.json: position_embedding_type {}, only absolute is run",
                              config::escape_line(positions, 60)));
  }
  if (config.flag_or("is_decoder", false)) {
    config.refuse("config.json: is_decoder, only encoders are run");
  }
  return build_text_encoder(request, kNames, *find_head(kHeads, request.head), shape, config);
}

}  // namespace

Architecture bert() {
  return {.model_type = "bert",
          .sentence = "BERT: embeddings, labels of texts and of tokens, answers, masked words.",
          .heads = kHeads,
          .build = build};
}

}  // namespace millrace::pipeline
