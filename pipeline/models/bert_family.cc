#include "pipeline/models/bert_family.h"

#include <string>

#include <fmt/format.h>

namespace millrace::pipeline {

EncoderShape bert_shape(ModelConfig& config) {
  const std::string positions = config.text_or("position_embedding_type", "absolute");
  if (positions != "absolute") {
    config.refuse(fmt::format("config.json: position_embedding_type {}, only absolute is run",
                              config::escape_line(positions, 60)));
  }
  if (config.flag_or("is_decoder", false)) {
    config.refuse("config.json: is_decoder, only encoders are run");
  }
  return {.width = config.size("hidden_size"),
          .layers = config.size("num_hidden_layers"),
          .heads = config.size("num_attention_heads"),
          .intermediate = config.size("intermediate_size"),
          .vocabulary = config.size("vocab_size"),
          .positions = config.size("max_position_embeddings"),
          .eps = config.number_or("layer_norm_eps", 1e-12),
          .activation = config.text_or("hidden_act", "gelu")};
}

}  // namespace millrace::pipeline
