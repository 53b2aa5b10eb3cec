#include "pipeline/models/bert.h"

#include "pipeline/models/text_encoder_build.h"

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
                                 .output_norm = "output.LayerNorm",
                                 .head_dense = "pooler.dense",
                                 .head_dense_in_base = true};

bool supports(HeadKind head) {
  return head == HeadKind::none || head == HeadKind::sequence_classification;
}

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
  const std::string_view architecture =
      request.head == HeadKind::none ? "BertModel" : "BertForSequenceClassification";
  return build_text_encoder(request, architecture, kNames, shape, config, Activation::tanh);
}

}  // namespace

Architecture bert() {
  return {.model_type = "bert",
          .sentence = "BERT: embeddings and sequence classification.",
          .supports = supports,
          .build = build};
}

}  // namespace millrace::pipeline
