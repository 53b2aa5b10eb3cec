#pragma once

#include "pipeline/models/model_config.h"
#include "pipeline/models/text_encoder_build.h"

#include <string_view>

namespace millrace::pipeline {

/// The names of BERT's weights, which most of its descendants kept, under another prefix.
constexpr EncoderNames bert_names(std::string_view prefix) {
  return {.prefix = prefix,
          .layer = "encoder.layer.",
          .query = "attention.self.query",
          .key = "attention.self.key",
          .value = "attention.self.value",
          .output = "attention.output.dense",
          .attention_norm = "attention.output.LayerNorm",
          .up = "intermediate.dense",
          .down = "output.dense",
          .output_norm = "output.LayerNorm"};
}

/// Reads the numbers that config.json gives under BERT's names, without token types, and refuses
/// decoders and positions that are not absolute.
EncoderShape bert_shape(ModelConfig& config);

}  // namespace millrace::pipeline
