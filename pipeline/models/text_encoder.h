#pragma once

#include "pipeline/contract/model.h"
#include "pipeline/models/head.h"
#include "pipeline/nn/disentangled_attention.h"
#include "pipeline/nn/embedding.h"
#include "pipeline/nn/encoder_layer.h"
#include "pipeline/nn/relative_bias.h"

#include <memory>
#include <optional>
#include <vector>

namespace millrace::pipeline {

/// What BERT and its descendants have in common once their names are resolved.
struct TextEncoderParts {
  ModelFacts facts;
  Embedding embedding;
  std::unique_ptr<const Linear> projection;  // from the embedding's width to the layers'; or null
  std::optional<RelativeBias> bias;          // of the attention of every layer
  std::optional<RelativePlaces> places;      // instead, where attention is disentangled
  std::vector<EncoderLayer> layers;
  std::vector<std::size_t> order;  // which layer is run, one after the other
  std::optional<Head> head;        // present unless facts.head is none
};

/// An encoder over packed rows: embeds, runs the layers, and hands back what each row wants.
///
/// Thread-safe. The last layer computes only first tokens when no row of the batch wants more; a
/// head sees only the tokens that it is asked for.
std::shared_ptr<const Model> make_text_encoder(TextEncoderParts parts);

}  // namespace millrace::pipeline
