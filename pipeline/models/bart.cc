#include "pipeline/models/bart.h"

#include "pipeline/models/encoder_decoder.h"
#include "pipeline/models/model_config.h"
#include "pipeline/models/text_encoder_build.h"
#include "pipeline/tensor/checkpoint.h"
#include "pipeline/tensor/guard.h"
#include "pipeline/tensor/weights.h"

#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <fmt/format.h>

namespace millrace::pipeline {
namespace {

/// The classes of transformers that differ in nothing but their names.
struct ClassNames {
  std::string_view model;
  std::string_view texts;
  std::string_view questions;
  std::string_view words;
};

constexpr std::array<HeadNames, 4> heads_of(const ClassNames& classes) {
  return {{
      {.kind = HeadKind::none, .architecture = classes.model},
      {.kind = HeadKind::sequence_classification,
       .architecture = classes.texts,
       .dense = "classification_head.dense",
       .activation = "tanh",
       .scores = "classification_head.out_proj"},
      {.kind = HeadKind::question_answering,
       .architecture = classes.questions,
       .scores = "qa_outputs"},
      {.kind = HeadKind::masked_lm,
       .architecture = classes.words,
       .scores = "lm_head",
       .scores_bias = "final_logits_bias"},
  }};
}

constexpr auto kBartHeads = heads_of({.model = "BartModel",
                                      .texts = "BartForSequenceClassification",
                                      .questions = "BartForQuestionAnswering",
                                      .words = "BartForConditionalGeneration"});
constexpr auto kMbartHeads = heads_of({.model = "MBartModel",
                                       .texts = "MBartForSequenceClassification",
                                       .questions = "MBartForQuestionAnswering",
                                       .words = "MBartForConditionalGeneration"});

constexpr std::int64_t kMostLayers = 1024;
constexpr std::int64_t kSpanEnds = 2;  // an answer starts and ends somewhere
constexpr std::int64_t kBartLabels = 3;
/// Rows of a position table that stand before the row of the first token, and are never read.
constexpr std::int64_t kPositionOffset = 2;
constexpr double kEps = 1e-5;  // of every norm; config.json has no say

/// In what the two architectures differ.
struct Variant {
  std::string_view model_type;
  std::span<const HeadNames> heads;
  NormOf norms;         // with norms of inputs there is one more behind the last layer
  bool starts_with_id;  // decoder_start_token_id; else the row's own language
  std::int64_t labels_by_default;
};

constexpr Variant kBart = {.model_type = "bart",
                           .heads = kBartHeads,
                           .norms = NormOf::sum,
                           .starts_with_id = true,
                           .labels_by_default = kBartLabels};
constexpr Variant kMbart = {.model_type = "mbart",
                            .heads = kMbartHeads,
                            .norms = NormOf::input,
                            .starts_with_id = false,
                            .labels_by_default = kLabelsByDefault};

/// The numbers of one of the halves.
struct Half {
  std::int64_t layers, heads, intermediate;
};

/// What config.json says. What transformers 4.57 no longer reads (normalize_before,
/// normalize_embedding, add_final_layer_norm, extra_pos_embeddings …) is not read here, either.
struct Shape {
  std::int64_t width, vocabulary, positions;
  Half encoder, decoder;
  std::int64_t pad, eos, start;
  bool scaled, tied;
  Activation function;
};

/// Reads an id that transformers needs, so that null is no way to leave it out.
std::int64_t token_of(ModelConfig& config, const char* key, std::int64_t absent) {
  if (config.has_null(key))
    config.complain(fmt::format("config.json: expected a token at {}, found null", key));
  return config.size_or(key, absent);
}

void check_half(const Half& half, const char* which, std::int64_t width, ModelConfig& config) {
  if (half.heads > 0 && width % half.heads != 0) {
    config.complain(fmt::format(
        "config.json: a width of {} does not divide into {} {} heads", width, half.heads, which));
  }
  if (half.layers > kMostLayers) {
    config.complain(fmt::format(
        "config.json: {} {} layers, expected at most {}", half.layers, which, kMostLayers));
  }
}

void check_token(const char* key, std::int64_t id, const Shape& shape, ModelConfig& config) {
  if (id < shape.vocabulary || shape.vocabulary == 0) return;
  config.complain(
      fmt::format("config.json: {} {} is outside the vocabulary of {}", key, id, shape.vocabulary));
}

Shape shape_of(ModelConfig& config, const Variant& variant) {
  // transformers takes the general names, too, and they win.
  const auto either = [&](const char* general, const char* own) {
    return config.size(config.has(general) ? general : own);
  };
  const Shape shape = {
      .width = either("hidden_size", "d_model"),
      .vocabulary = config.size("vocab_size"),
      .positions = config.size("max_position_embeddings"),
      .encoder = {.layers = config.size("encoder_layers"),
                  .heads = either("num_attention_heads", "encoder_attention_heads"),
                  .intermediate = config.size("encoder_ffn_dim")},
      .decoder = {.layers = config.size("decoder_layers"),
                  .heads = config.size("decoder_attention_heads"),
                  .intermediate = config.size("decoder_ffn_dim")},
      .pad = token_of(config, "pad_token_id", 1),
      .eos = token_of(config, "eos_token_id", 2),
      .start = variant.starts_with_id ? token_of(config, "decoder_start_token_id", 2) : 0,
      .scaled = config.flag_or("scale_embedding", false),
      .tied = config.flag_or("tie_word_embeddings", true),
      .function = activation_of(config.text_or("activation_function", "gelu"), config)};
  check_half(shape.encoder, "encoder", shape.width, config);
  check_half(shape.decoder, "decoder", shape.width, config);
  check_token("pad_token_id", shape.pad, shape, config);
  check_token("eos_token_id", shape.eos, shape, config);
  check_token("decoder_start_token_id", shape.start, shape, config);
  return shape;
}

/// Takes the weights in the order of the layers.
class Taker {
 public:
  Taker(Weights& weights, const Shape& shape, const Variant& variant)
      : weights_(weights), shape_(shape), variant_(variant) {}

  /// half: "encoder." or "decoder.".
  Embedding embedding(const std::string& half) {
    Embedding embedding;
    embedding.words = words(half);
    if (shape_.scaled) embedding.scale = std::sqrt(static_cast<double>(shape_.width));
    const at::Tensor positions = weights_.base(half + "embed_positions.weight",
                                               {shape_.positions + kPositionOffset, shape_.width});
    if (positions.defined())
      embedding.positions = positions.narrow(0, kPositionOffset, shape_.positions);
    embedding.norm = norm(half + "layernorm_embedding");
    return embedding;
  }

  EncoderLayerWeights encoder_layer(std::int64_t number) {
    const std::string start = fmt::format("encoder.layers.{}.", number);
    const AttentionWeights own = attention(start + "self_attn");
    EncoderLayerWeights layer = {.query = own.query,
                                 .query_bias = own.query_bias,
                                 .key = own.key,
                                 .key_bias = own.key_bias,
                                 .value = own.value,
                                 .value_bias = own.value_bias,
                                 .output = own.output,
                                 .output_bias = own.output_bias};
    const std::int64_t inner = shape_.encoder.intermediate;
    std::tie(layer.up, layer.up_bias) = pair(start + "fc1", inner, shape_.width);
    std::tie(layer.down, layer.down_bias) = pair(start + "fc2", shape_.width, inner);
    layer.attention_norm = own.norm;
    layer.output_norm = norm(start + "final_layer_norm");
    return layer;
  }

  DecoderLayerWeights decoder_layer(std::int64_t number) {
    const std::string start = fmt::format("decoder.layers.{}.", number);
    DecoderLayerWeights layer;
    layer.back = attention(start + "self_attn");
    layer.across = attention(start + "encoder_attn");
    const std::int64_t inner = shape_.decoder.intermediate;
    std::tie(layer.up, layer.up_bias) = pair(start + "fc1", inner, shape_.width);
    std::tie(layer.down, layer.down_bias) = pair(start + "fc2", shape_.width, inner);
    layer.output_norm = norm(start + "final_layer_norm");
    return layer;
  }

  std::optional<LayerNorm> last_norm(const std::string& half) {
    if (variant_.norms == NormOf::sum) return std::nullopt;
    return norm(half + "layer_norm");
  }

  /// Takes what stands on the decoder, in the form that Head wants it.
  Head head(const HeadNames& names, std::int64_t outputs) {
    const std::string scores(names.scores);
    at::Tensor dense;
    at::Tensor dense_bias;
    if (!names.dense.empty()) {
      dense = weights_.head(std::string(names.dense) + ".weight", {shape_.width, shape_.width});
      dense_bias = weights_.head(std::string(names.dense) + ".bias", {shape_.width});
    }
    const bool over_words = names.kind == HeadKind::masked_lm;
    const at::Tensor weight = over_words && shape_.tied
                                  ? words("decoder.")
                                  : weights_.head(scores + ".weight", {outputs, shape_.width});
    const at::Tensor bias = over_words ? word_bias() : weights_.head(scores + ".bias", {outputs});
    Head head;
    if (!weights_.errors().empty()) return head;
    if (dense.defined())
      head.dense = make_linear(dense, dense_bias, activation(names.activation).value());
    head.scores =
        make_linear(weight, bias.defined() ? bias : at::zeros({outputs}, weight.options()));
    head.outputs = static_cast<std::size_t>(outputs);
    return head;
  }

 private:
  at::Tensor words(const std::string& half) {
    if (!shape_.tied)
      return weights_.base(half + "embed_tokens.weight", {shape_.vocabulary, shape_.width});
    if (!shared_) shared_ = shared();
    return *shared_;
  }

  /// A table that is tied may be stored under any of its names; transformers prefers the first.
  at::Tensor shared() {
    const std::vector<std::int64_t> size = {shape_.vocabulary, shape_.width};
    for (const char* name :
         {"shared.weight", "decoder.embed_tokens.weight", "encoder.embed_tokens.weight"}) {
      if (weights_.has_base(name)) return weights_.base(name, size);
    }
    if (weights_.has_head("lm_head.weight")) return weights_.head("lm_head.weight", size);
    return weights_.base("shared.weight", size);
  }

  /// The bias of scores over the vocabulary; undefined where it was not stored, which means zero.
  at::Tensor word_bias() {
    if (!weights_.has_head("final_logits_bias")) return {};
    const at::Tensor bias = weights_.head("final_logits_bias", {1, shape_.vocabulary});
    return bias.defined() ? bias[0] : bias;
  }

  AttentionWeights attention(const std::string& name) {
    const auto square = [&](const char* part) {
      return pair(name + part, shape_.width, shape_.width);
    };
    AttentionWeights taken;
    std::tie(taken.query, taken.query_bias) = square(".q_proj");
    std::tie(taken.key, taken.key_bias) = square(".k_proj");
    std::tie(taken.value, taken.value_bias) = square(".v_proj");
    std::tie(taken.output, taken.output_bias) = square(".out_proj");
    taken.norm = norm(name + "_layer_norm");
    return taken;
  }

  std::pair<at::Tensor, at::Tensor> pair(const std::string& name,
                                         std::int64_t out,
                                         std::int64_t in) {
    at::Tensor weight = weights_.base(name + ".weight", {out, in});
    return {std::move(weight), weights_.base(name + ".bias", {out})};
  }

  LayerNorm norm(const std::string& name) {
    LayerNorm norm;
    norm.weight = weights_.base(name + ".weight", {shape_.width});
    norm.bias = weights_.base(name + ".bias", {shape_.width});
    norm.eps = kEps;
    return norm;
  }

  Weights& weights_;
  const Shape& shape_;
  const Variant& variant_;
  std::optional<at::Tensor> shared_;  // taken once: another dtype or device means a copy
};

/// Prepares layers one by one, and gives the pages of their stored form back, so that the two are
/// never resident together for long.
EncoderLayer prepare(const EncoderLayerWeights& layer,
                     const Shape& shape,
                     NormOf norms,
                     const Weights& weights) {
  EncoderLayer made(layer, shape.encoder.heads, shape.function, norms);
  for (const at::Tensor* stored :
       {&layer.query, &layer.key, &layer.value, &layer.output, &layer.up, &layer.down}) {
    weights.release(*stored);
  }
  return made;
}

DecoderLayer prepare(const DecoderLayerWeights& layer,
                     const Shape& shape,
                     NormOf norms,
                     const Weights& weights) {
  DecoderLayer made(layer, shape.decoder.heads, shape.function, norms);
  for (const AttentionWeights* part : {&layer.back, &layer.across}) {
    for (const at::Tensor* stored : {&part->query, &part->key, &part->value, &part->output})
      weights.release(*stored);
  }
  weights.release(layer.up);
  weights.release(layer.down);
  return made;
}

struct Loading {
  const ModelRequest& request;
  const Variant& variant;
  const Shape& shape;
  ModelFacts facts;
  std::int64_t labels;

  const HeadNames& head() const { return *find_head(variant.heads, request.head); }

  std::int64_t outputs() const {
    if (request.head == HeadKind::question_answering) return kSpanEnds;
    return request.head == HeadKind::masked_lm ? shape.vocabulary : labels;
  }
};

/// Runs under the guard: everything here calls libtorch.
Result<BuiltModel> load(const Loading& loading, const Checkpoint& checkpoint) {
  const ModelRequest& request = loading.request;
  const Shape& shape = loading.shape;
  const NormOf norms = loading.variant.norms;
  Weights weights = weights_of(request, checkpoint);
  weights.use_prefix("model.");
  Taker taker(weights, shape, loading.variant);
  EncoderDecoderParts parts;
  parts.encoder_embedding = taker.embedding("encoder.");
  parts.decoder_embedding = taker.embedding("decoder.");
  std::vector<EncoderLayerWeights> encoder;
  std::vector<DecoderLayerWeights> decoder;
  for (std::int64_t i = 0; i < shape.encoder.layers; ++i) encoder.push_back(taker.encoder_layer(i));
  for (std::int64_t i = 0; i < shape.decoder.layers; ++i) decoder.push_back(taker.decoder_layer(i));
  parts.encoder_norm = taker.last_norm("encoder.");
  parts.decoder_norm = taker.last_norm("decoder.");
  if (request.head != HeadKind::none) parts.head = taker.head(loading.head(), loading.outputs());
  if (!weights.errors().empty()) return BuiltModel{.model = nullptr, .errors = weights.errors()};
  // From here on every tensor is there and has its shape.
  for (EncoderLayerWeights& layer : encoder) {
    parts.encoder.push_back(prepare(layer, shape, norms, weights));
    layer = {};
  }
  for (DecoderLayerWeights& layer : decoder) {
    parts.decoder.push_back(prepare(layer, shape, norms, weights));
    layer = {};
  }
  if (loading.variant.starts_with_id)
    parts.decoder_ids.start = static_cast<std::int32_t>(shape.start);
  parts.decoder_ids.pad = static_cast<std::int32_t>(shape.pad);
  parts.eos = static_cast<std::int32_t>(shape.eos);
  note_weights(request, weights);
  auto revision = revision_of(request, checkpoint);
  if (!revision) return std::move(revision).error();
  parts.facts = loading.facts;
  parts.facts.revision = *std::move(revision);
  return BuiltModel{.model = make_encoder_decoder(std::move(parts)), .errors = {}};
}

ModelFacts facts_of(const ModelRequest& request, const Variant& variant, const Shape& shape) {
  ModelFacts facts;
  facts.model_type = std::string(variant.model_type);
  facts.architecture = std::string(find_head(variant.heads, request.head)->architecture);
  facts.device = request.device;
  facts.dtype = request.dtype;
  facts.width = static_cast<std::size_t>(shape.width);
  facts.vocab_size = static_cast<std::size_t>(shape.vocabulary);
  facts.max_positions = static_cast<std::size_t>(shape.positions);
  facts.head = request.head;
  return facts;
}

template <const Variant& variant>
BuiltModel build(const ModelRequest& request) {
  ModelConfig config(*request.config);
  const Shape shape = shape_of(config, variant);
  const std::vector<std::string> labels = config.labels(variant.labels_by_default);
  const std::string problem_type = config.text_or("problem_type", "");
  if (!config.errors().empty()) return {.model = nullptr, .errors = config.errors()};
  const auto checkpoint = Checkpoint::open(request.folder);
  if (!checkpoint) return {.model = nullptr, .errors = {checkpoint.error()}};
  ModelFacts facts = facts_of(request, variant, shape);
  facts.problem_type = problem_type;
  if (request.head == HeadKind::sequence_classification) facts.labels = labels;
  const Loading loading = {.request = request,
                           .variant = variant,
                           .shape = shape,
                           .facts = std::move(facts),
                           .labels = static_cast<std::int64_t>(labels.size())};
  auto built = guarded("loading the weights", [&] { return load(loading, *checkpoint); });
  if (!built) return {.model = nullptr, .errors = {std::move(built).error()}};
  return *std::move(built);
}

}  // namespace

Architecture bart() {
  return {.model_type = kBart.model_type,
          .sentence = "BART: embeddings, labels of texts, answers, masked words.",
          .heads = kBartHeads,
          .build = build<kBart>,
          .labels_by_default = kBart.labels_by_default};
}

Architecture mbart() {
  return {.model_type = kMbart.model_type,
          .sentence = "mBART: embeddings, labels of texts, answers, masked words.",
          .heads = kMbartHeads,
          .build = build<kMbart>,
          .labels_by_default = kMbart.labels_by_default};
}

}  // namespace millrace::pipeline
