#include "pipeline/models/deberta_v2.h"

#include "pipeline/models/text_encoder_build.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace millrace::pipeline {
namespace {

constexpr EncoderNames kNames = {.prefix = "deberta.",
                                 .layer = "encoder.layer.",
                                 .query = "attention.self.query_proj",
                                 .key = "attention.self.key_proj",
                                 .value = "attention.self.value_proj",
                                 .output = "attention.output.dense",
                                 .attention_norm = "attention.output.LayerNorm",
                                 .up = "intermediate.dense",
                                 .down = "output.dense",
                                 .output_norm = "output.LayerNorm"};

constexpr std::array<HeadNames, 5> kHeads = {{
    {.kind = HeadKind::none, .architecture = "DebertaV2Model"},
    {.kind = HeadKind::sequence_classification,
     .architecture = "DebertaV2ForSequenceClassification",
     .dense = "pooler.dense",
     .activation = "gelu",  // or what pooler_hidden_act says
     .scores = "classifier"},
    {.kind = HeadKind::token_classification,
     .architecture = "DebertaV2ForTokenClassification",
     .scores = "classifier"},
    {.kind = HeadKind::question_answering,
     .architecture = "DebertaV2ForQuestionAnswering",
     .scores = "qa_outputs"},
    {.kind = HeadKind::masked_lm,
     .architecture = "DebertaV2ForMaskedLM",
     .dense = "cls.predictions.transform.dense",
     .norm = "cls.predictions.transform.LayerNorm",
     .scores = "cls.predictions.decoder",
     .scores_bias = "cls.predictions.bias"},
}};

/// Refuses what would be computed otherwise than transformers does.
void refuse_variants(ModelConfig& config, const EncoderShape& shape, HeadKind head) {
  if (config.signed_or("conv_kernel_size", 0) > 0) {
    config.refuse("config.json: conv_kernel_size, the convolution of DeBERTa v2 xlarge is not run");
  }
  if (head == HeadKind::masked_lm && !config.flag_or("legacy", true)) {
    config.refuse("config.json: legacy false, only the legacy head over the vocabulary is run");
  }
  const std::int64_t pooler = config.size_or("pooler_hidden_size", shape.width);
  if (pooler != shape.width) {
    config.refuse(fmt::format(
        "config.json: pooler_hidden_size {}, expected the width {}", pooler, shape.width));
  }
  const std::int64_t depth = shape.heads > 0 ? shape.width / shape.heads : 0;
  if (config.size_or("attention_head_size", depth) != depth) {
    config.refuse(fmt::format("config.json: attention_head_size, expected {}", depth));
  }
}

bool normalises(ModelConfig& config) {
  const std::string way = config.text_or("norm_rel_ebd", "none");
  if (way != "none" && way != "layer_norm") {
    config.refuse(fmt::format("config.json: norm_rel_ebd {}, only none and layer_norm are run",
                              config::escape_line(way, 60)));
  }
  return way == "layer_norm";
}

DisentangledShape relative_shape(ModelConfig& config, std::int64_t positions) {
  DisentangledShape shape;
  for (const std::string& type : config.words("pos_att_type")) {
    if (type == "c2p") shape.to_position = true;
    if (type == "p2c") shape.from_position = true;
    if (type != "c2p" && type != "p2c") {
      config.refuse(fmt::format("config.json: pos_att_type {}, only c2p and p2c are run",
                                config::escape_line(type, 60)));
    }
  }
  shape.on = config.flag_or("relative_attention", false);
  shape.shared = config.flag_or("share_att_key", false);
  shape.norm = normalises(config);
  const std::int64_t farthest = config.signed_or("max_relative_positions", -1);
  shape.places.farthest = farthest < 1 ? positions : farthest;
  shape.places.buckets = std::max<std::int64_t>(config.signed_or("position_buckets", -1), 0);
  // The logarithm of the reference needs a distance behind the exact ones.
  const bool bucketed = shape.places.buckets > 0;
  if (bucketed &&
      (shape.places.buckets < 4 || shape.places.farthest - 1 <= shape.places.buckets / 2)) {
    config.complain(
        fmt::format("config.json: position_buckets {} do not fit max_relative_positions {}",
                    shape.places.buckets,
                    shape.places.farthest));
  }
  return shape;
}

BuiltModel build(const ModelRequest& request) {
  ModelConfig config(*request.config);
  EncoderShape shape = {.width = config.size("hidden_size"),
                        .layers = config.size("num_hidden_layers"),
                        .heads = config.size("num_attention_heads"),
                        .intermediate = config.size("intermediate_size"),
                        .vocabulary = config.size("vocab_size"),
                        .positions = config.size_or("max_position_embeddings", 512),
                        .types = config.size_or("type_vocab_size", 0),
                        .eps = config.number_or("layer_norm_eps", 1e-7),
                        .activation = config.text_or("hidden_act", "gelu"),
                        .embedding = config.size_or("embedding_size", 0)};
  shape.position_table = config.flag_or("position_biased_input", true);
  shape.disentangled = relative_shape(config, shape.positions);
  refuse_variants(config, shape, request.head);
  EncoderNames names = kNames;
  if (shape.embedding_width() != shape.width) names.narrow_project = "embeddings.embed_proj";
  HeadNames head = *find_head(kHeads, request.head);
  const std::string pooler = config.text_or("pooler_hidden_act", "gelu");
  activation_of(pooler, config);
  if (head.kind == HeadKind::sequence_classification) head.activation = pooler;
  return build_text_encoder(request, names, head, std::move(shape), config);
}

}  // namespace

Architecture deberta_v2() {
  return {
      .model_type = "deberta-v2",
      .sentence =
          "DeBERTa v2 and v3: embeddings, labels of texts and of tokens, answers, masked words.",
      .heads = kHeads,
      .build = build};
}

}  // namespace millrace::pipeline
