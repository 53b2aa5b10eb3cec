#include "pipeline/models/distilbert.h"

#include "pipeline/models/text_encoder_build.h"

#include <array>

namespace millrace::pipeline {
namespace {

constexpr EncoderNames kNames = {.prefix = "distilbert.",
                                 .layer = "transformer.layer.",
                                 .query = "attention.q_lin",
                                 .key = "attention.k_lin",
                                 .value = "attention.v_lin",
                                 .output = "attention.out_lin",
                                 .attention_norm = "sa_layer_norm",
                                 .up = "ffn.lin1",
                                 .down = "ffn.lin2",
                                 .output_norm = "output_layer_norm"};

constexpr std::array<HeadNames, 5> kHeads = {{
    {.kind = HeadKind::none, .architecture = "DistilBertModel"},
    {.kind = HeadKind::sequence_classification,
     .architecture = "DistilBertForSequenceClassification",
     .dense = "pre_classifier",
     .activation = "relu",
     .scores = "classifier"},
    {.kind = HeadKind::token_classification,
     .architecture = "DistilBertForTokenClassification",
     .scores = "classifier"},
    {.kind = HeadKind::question_answering,
     .architecture = "DistilBertForQuestionAnswering",
     .scores = "qa_outputs"},
    {.kind = HeadKind::masked_lm,
     .architecture = "DistilBertForMaskedLM",
     .dense = "vocab_transform",
     .norm = "vocab_layer_norm",
     .scores = "vocab_projector"},
}};

BuiltModel build(const ModelRequest& request) {
  ModelConfig config(*request.config);
  // Sinusoidal positions need nothing of their own: the table is stored like a learned one.
  const EncoderShape shape = {.width = config.size("dim"),
                              .layers = config.size("n_layers"),
                              .heads = config.size("n_heads"),
                              .intermediate = config.size("hidden_dim"),
                              .vocabulary = config.size("vocab_size"),
                              .positions = config.size("max_position_embeddings"),
                              .types = 0,
                              .eps = 1e-12,  // fixed in the reference
                              .activation = config.text_or("activation", "gelu")};
  return build_text_encoder(request, kNames, *find_head(kHeads, request.head), shape, config);
}

}  // namespace

Architecture distilbert() {
  return {
      .model_type = "distilbert",
      .sentence = "DistilBERT: embeddings, labels of texts and of tokens, answers, masked words.",
      .heads = kHeads,
      .build = build};
}

}  // namespace millrace::pipeline
