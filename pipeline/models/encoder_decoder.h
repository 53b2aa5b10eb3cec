#pragma once

#include "pipeline/contract/model.h"
#include "pipeline/models/head.h"
#include "pipeline/nn/decoder_layer.h"
#include "pipeline/nn/embedding.h"
#include "pipeline/nn/encoder_layer.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace millrace::pipeline {

/// How the ids that the decoder reads are made of a row: shifted by one, behind an id of their own.
struct DecoderIds {
  std::optional<std::int32_t> start;  // that id; absent: taken from the row, see below
  // Then it is the id at the place of n − 1, with n the ids of the row that are not this one: the
  // language of mBART, which stands last.
  std::int32_t pad = 0;
};

/// What an encoder-decoder is made of once its names are resolved.
struct EncoderDecoderParts {
  ModelFacts facts;
  Embedding encoder_embedding;
  Embedding decoder_embedding;
  std::vector<EncoderLayer> encoder;
  std::vector<DecoderLayer> decoder;
  std::optional<LayerNorm> encoder_norm;  // behind the last layer
  std::optional<LayerNorm> decoder_norm;
  DecoderIds decoder_ids;
  std::int32_t eos = 0;      // a head over whole texts reads the last of these tokens
  std::optional<Head> head;  // present unless facts.head is none
};

/// An encoder-decoder that reads texts and writes none: the decoder is given the row itself,
/// shifted by one, and its hidden states are what tasks and heads read.
///
/// Thread-safe. The decoder looks back only, so that of each row it computes no token behind the
/// last one that is read. forward() has one more error BAD_ROW: a row whose eos a head wants to
/// read and that has none.
std::shared_ptr<const Model> make_encoder_decoder(EncoderDecoderParts parts);

}  // namespace millrace::pipeline
