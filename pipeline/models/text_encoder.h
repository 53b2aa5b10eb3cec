#pragma once

#include "pipeline/contract/model.h"
#include "pipeline/nn/embedding.h"
#include "pipeline/nn/encoder_layer.h"
#include "pipeline/nn/linear.h"

#include <memory>
#include <vector>

namespace millrace::pipeline {

/// What BERT and DistilBERT have in common once their names are resolved.
struct TextEncoderParts {
  ModelFacts facts;
  Embedding embedding;
  std::vector<EncoderLayer> layers;
  // The classification head reads the first token: dense with its activation, then the scores. Null
  // without a head.
  std::unique_ptr<const Linear> head_dense;
  std::unique_ptr<const Linear> head_scores;
};

/// An encoder over packed rows: embeds, runs the layers, and hands back what each row wants.
///
/// Thread-safe. The last layer computes only first tokens when no row of the batch wants more.
std::shared_ptr<const Model> make_text_encoder(TextEncoderParts parts);

}  // namespace millrace::pipeline
