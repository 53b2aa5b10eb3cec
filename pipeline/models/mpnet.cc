#include "pipeline/models/mpnet.h"

#include "pipeline/models/bert_family.h"
#include "pipeline/models/text_encoder_build.h"
#include "pipeline/nn/relative_bias.h"

#include <array>
#include <utility>

#include <fmt/format.h>

namespace millrace::pipeline {
namespace {

constexpr EncoderNames kNames = {.prefix = "mpnet.",
                                 .layer = "encoder.layer.",
                                 .query = "attention.attn.q",
                                 .key = "attention.attn.k",
                                 .value = "attention.attn.v",
                                 .output = "attention.attn.o",
                                 .attention_norm = "attention.LayerNorm",
                                 .up = "intermediate.dense",
                                 .down = "output.dense",
                                 .output_norm = "output.LayerNorm",
                                 .relative_bias = "encoder.relative_attention_bias"};

constexpr std::array<HeadNames, 5> kHeads = {{
    {.kind = HeadKind::none, .architecture = "MPNetModel"},
    {.kind = HeadKind::sequence_classification,
     .architecture = "MPNetForSequenceClassification",
     .dense = "classifier.dense",
     .activation = "tanh",
     .scores = "classifier.out_proj"},
    {.kind = HeadKind::token_classification,
     .architecture = "MPNetForTokenClassification",
     .scores = "classifier"},
    {.kind = HeadKind::question_answering,
     .architecture = "MPNetForQuestionAnswering",
     .scores = "qa_outputs"},
    {.kind = HeadKind::masked_lm,
     .architecture = "MPNetForMaskedLM",
     .dense = "lm_head.dense",
     .activation = "gelu",
     .norm = "lm_head.layer_norm",
     .scores = "lm_head.decoder",
     .scores_bias = "lm_head.bias"},
}};

constexpr std::int64_t kPad = 1;  // fixed in the reference, whatever config.json says

BuiltModel build(const ModelRequest& request) {
  ModelConfig config(*request.config);
  EncoderShape shape = bert_shape(config);
  shape.pad = kPad;
  shape.buckets = config.size_or("relative_attention_num_buckets", kRelativeBuckets);
  if (shape.buckets < kRelativeBuckets) {
    config.complain(
        fmt::format("config.json: relative_attention_num_buckets {}, expected at least {}",
                    shape.buckets,
                    kRelativeBuckets));
  }
  return build_text_encoder(
      request, kNames, *find_head(kHeads, request.head), std::move(shape), config);
}

}  // namespace

Architecture mpnet() {
  return {.model_type = "mpnet",
          .sentence = "MPNet: embeddings, labels of texts and of tokens, answers, masked words.",
          .heads = kHeads,
          .build = build};
}

}  // namespace millrace::pipeline
