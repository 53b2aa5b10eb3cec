#include "pipeline/models/distilbert.h"

#include "pipeline/models/text_encoder_build.h"

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
                                 .output_norm = "output_layer_norm",
                                 .head_dense = "pre_classifier",
                                 .head_dense_in_base = false};

bool supports(HeadKind head) {
  return head == HeadKind::none || head == HeadKind::sequence_classification;
}

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
  const std::string_view architecture =
      request.head == HeadKind::none ? "DistilBertModel" : "DistilBertForSequenceClassification";
  return build_text_encoder(request, architecture, kNames, shape, config, Activation::relu);
}

}  // namespace

Architecture distilbert() {
  return {.model_type = "distilbert",
          .sentence = "DistilBERT: embeddings and sequence classification.",
          .supports = supports,
          .build = build};
}

}  // namespace millrace::pipeline
