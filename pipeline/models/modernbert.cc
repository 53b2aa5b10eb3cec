#include "pipeline/models/modernbert.h"

#include "pipeline/models/collect.h"
#include "pipeline/models/forward.h"
#include "pipeline/models/head.h"
#include "pipeline/models/model_config.h"
#include "pipeline/models/text_encoder_build.h"
#include "pipeline/nn/attention.h"
#include "pipeline/nn/embedding.h"
#include "pipeline/tensor/checkpoint.h"
#include "pipeline/tensor/guard.h"
#include "pipeline/tensor/weights.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <fmt/format.h>

namespace millrace::pipeline {
namespace {

constexpr std::array<HeadNames, 5> kHeads = {{
    {.kind = HeadKind::none, .architecture = "ModernBertModel"},
    {.kind = HeadKind::sequence_classification,
     .architecture = "ModernBertForSequenceClassification",
     .dense = "head.dense",
     .norm = "head.norm",
     .scores = "classifier"},
    {.kind = HeadKind::token_classification,
     .architecture = "ModernBertForTokenClassification",
     .dense = "head.dense",
     .norm = "head.norm",
     .scores = "classifier"},
    {.kind = HeadKind::question_answering,
     .architecture = "ModernBertForQuestionAnswering",
     .dense = "head.dense",
     .norm = "head.norm",
     .scores = "classifier"},
    {.kind = HeadKind::masked_lm,
     .architecture = "ModernBertForMaskedLM",
     .dense = "head.dense",
     .norm = "head.norm",
     .scores = "decoder"},
}};

/// What config.json says.
struct Shape {
  std::int64_t width, layers, heads, intermediate, vocabulary, positions;
  std::int64_t every;   // of so many layers one sees the whole row, the first of all among them
  std::int64_t window;  // tokens that the others see on either side, and the token itself
  double theta, local_theta, eps;
  bool norm_bias, attention_bias, mlp_bias, head_bias, decoder_bias, tied, mean;
  Activation function, head_function;
};

struct Layer {
  std::optional<LayerNorm> attention_norm;  // absent in the first layer
  LayerNorm mlp_norm;
  std::unique_ptr<const Linear> qkv, output, up, down;
  bool local = false;
};

struct Parts {
  ModelFacts facts;
  Shape shape;
  at::Tensor words;
  LayerNorm norm, final_norm;
  std::vector<Layer> layers;
  std::optional<Head> head;
};

/// Cosines and sines of every token of a batch: [tokens, 1, depth].
struct Rotation {
  at::Tensor cos, sin;

  /// x: [tokens, heads · depth]. Pairs the halves of a head, as the reference does.
  at::Tensor run(const at::Tensor& x) const {
    const std::int64_t depth = cos.size(2);
    const at::Tensor heads = x.unflatten(1, {x.size(1) / depth, depth});
    const at::Tensor turned =
        at::cat({heads.narrow(2, depth / 2, depth / 2).neg(), heads.narrow(2, 0, depth / 2)}, 2);
    return (heads * cos + turned * sin).flatten(1);
  }
};

Rotation rotation(const at::Tensor& places, std::int64_t depth, double theta, at::ScalarType type) {
  const at::Tensor parts = at::arange(0, depth, 2, at::kLong).to(at::kFloat) / depth;
  const at::Tensor rates = at::pow(theta, parts).reciprocal().to(places.device());
  const at::Tensor half = places.to(at::kFloat).unsqueeze(1) * rates.unsqueeze(0);
  const at::Tensor angles = at::cat({half, half}, 1).unsqueeze(1);
  return {.cos = angles.cos().to(type), .sin = angles.sin().to(type)};
}

class ModernBert final : public Model {
 public:
  explicit ModernBert(Parts parts) : parts_(std::move(parts)) {}

  const ModelFacts& facts() const override { return parts_.facts; }

  std::unique_ptr<Workspace> make_workspace() const override {
    return std::make_unique<NoWorkspace>();
  }

  Result<Output> forward(const Batch& batch, Workspace& /*workspace*/) const override {
    return checked_forward(batch, facts(), [&] { return compute(batch); });
  }

 private:
  Output compute(const Batch& batch) const {
    const Hidden hidden = {.states = run_layers(batch), .begin = batch.row_begin};
    const bool any = std::any_of(batch.wanted.begin(), batch.wanted.end(), reads_head);
    return collect(batch, hidden, any ? scores_of(batch, hidden) : at::Tensor());
  }

  at::Tensor scores_of(const Batch& batch, const Hidden& hidden) const {
    if (facts().head == HeadKind::sequence_classification && parts_.shape.mean)
      return parts_.head->run(means(batch, hidden.states));
    return pipeline::scores_of(*parts_.head, hidden.states, asked_of_head(batch, hidden));
  }

  /// Averages the tokens of every row that reads the head.
  static at::Tensor means(const Batch& batch, const at::Tensor& states) {
    std::vector<at::Tensor> rows;
    for (std::size_t row = 0; row < batch.rows(); ++row) {
      if (!reads_head(batch.wanted[row])) continue;
      const std::int64_t first = batch.row_begin[row];
      rows.push_back(states.narrow(0, first, batch.row_begin[row + 1] - first).mean(0));
    }
    return at::stack(rows);
  }

  /// Hides keys outside the window: [heads, longest, longest]; undefined if no row is so long.
  at::Tensor window_of(std::int64_t longest, const at::Tensor& like) const {
    if (longest <= parts_.shape.window + 1) return {};
    const at::Tensor places = at::arange(longest, like.options().dtype(at::kLong));
    const at::Tensor away = (places.unsqueeze(1) - places.unsqueeze(0)).abs();
    return at::zeros({longest, longest}, like.options())
        .masked_fill_(away > parts_.shape.window, -std::numeric_limits<double>::infinity())
        .unsqueeze(0)
        .expand({parts_.shape.heads, longest, longest});
  }

  at::Tensor run_layers(const Batch& batch) const {
    const Shape& shape = parts_.shape;
    const at::Device device = parts_.words.device();
    std::vector<std::int32_t> places;
    std::int64_t longest = 0;
    for (std::size_t row = 0; row < batch.rows(); ++row) {
      const std::int32_t length = batch.row_begin[row + 1] - batch.row_begin[row];
      for (std::int32_t place = 0; place < length; ++place) places.push_back(place);
      longest = std::max<std::int64_t>(longest, length);
    }
    const at::Tensor at = index_tensor(places, device);
    const std::int64_t depth = shape.width / shape.heads;
    const auto type = parts_.words.scalar_type();
    const Rotation global = rotation(at, depth, shape.theta, type);
    const Rotation local = rotation(at, depth, shape.local_theta, type);
    at::Tensor x = parts_.norm.run(at::embedding(parts_.words, index_tensor(batch.ids, device)));
    const at::Tensor window = window_of(longest, x);
    for (const Layer& layer : parts_.layers) {
      x = run_layer(layer,
                    x,
                    batch.row_begin,
                    layer.local ? local : global,
                    layer.local ? window : at::Tensor());
    }
    return parts_.final_norm.run(x);
  }

  at::Tensor run_layer(const Layer& layer,
                       const at::Tensor& x,
                       std::span<const std::int32_t> row_begin,
                       const Rotation& rotation,
                       const at::Tensor& window) const {
    const std::int64_t width = x.size(1);
    const at::Tensor qkv = layer.qkv->run(layer.attention_norm ? layer.attention_norm->run(x) : x);
    const at::Tensor attended = attend(rotation.run(qkv.narrow(1, 0, width)),
                                       rotation.run(qkv.narrow(1, width, width)),
                                       qkv.narrow(1, 2 * width, width),
                                       row_begin,
                                       parts_.shape.heads,
                                       window);
    const at::Tensor a = layer.output->run(attended).add_(x);
    const at::Tensor wide = layer.up->run(layer.mlp_norm.run(a));
    const std::int64_t inner = parts_.shape.intermediate;
    at::Tensor gated = wide.narrow(1, 0, inner).contiguous();
    apply_in_place(parts_.shape.function, gated);
    return layer.down->run(gated.mul_(wide.narrow(1, inner, inner))).add_(a);
  }

  Parts parts_;
};

Shape shape_of(ModelConfig& config) {
  Shape shape = {
      .width = config.size("hidden_size"),
      .layers = config.size("num_hidden_layers"),
      .heads = config.size("num_attention_heads"),
      .intermediate = config.size("intermediate_size"),
      .vocabulary = config.size("vocab_size"),
      .positions = config.size_or("max_position_embeddings", 8192),
      .every = config.size_or("global_attn_every_n_layers", 3),
      .window = config.size_or("local_attention", 128) / 2,
      .theta = config.number_or("global_rope_theta", 160000.0),
      .local_theta = 0,
      .eps = config.number_or("norm_eps", 1e-5),
      .norm_bias = config.flag_or("norm_bias", false),
      .attention_bias = config.flag_or("attention_bias", false),
      .mlp_bias = config.flag_or("mlp_bias", false),
      .head_bias = config.flag_or("classifier_bias", false),
      .decoder_bias = config.flag_or("decoder_bias", true),
      .tied = config.flag_or("tie_word_embeddings", true),
      .mean = false,
      .function = activation_of(config.text_or("hidden_activation", "gelu"), config),
      .head_function = activation_of(config.text_or("classifier_activation", "gelu"), config)};
  // In the reference absent is 10,000, and null that of the other layers.
  shape.local_theta = config.has_null("local_rope_theta")
                          ? shape.theta
                          : config.number_or("local_rope_theta", 10000.0);
  if (config.has("rope_scaling"))
    config.refuse("config.json: rope_scaling with modernbert, only null is run");
  const std::string pooling = config.text_or("classifier_pooling", "cls");
  shape.mean = pooling == "mean";
  if (pooling != "cls" && pooling != "mean") {
    config.refuse(fmt::format("config.json: classifier_pooling {}, only cls and mean are run",
                              config::escape_line(pooling, 60)));
  }
  if (shape.heads > 0 && (shape.width % shape.heads != 0 || shape.width / shape.heads % 2 != 0)) {
    config.complain(fmt::format("config.json: a width of {} does not divide into {} heads of pairs",
                                shape.width,
                                shape.heads));
  }
  if (shape.layers > 1024 || shape.every < 1 || shape.positions < 1 || shape.theta <= 0 ||
      shape.local_theta <= 0) {
    config.complain(
        "config.json: num_hidden_layers, global_attn_every_n_layers, "
        "max_position_embeddings or rope_theta out of range");
  }
  return shape;
}

/// Takes the weights; an absent bias is zero.
class Taker {
 public:
  Taker(Weights& weights, const Shape& shape) : weights_(weights), shape_(shape) {}

  std::unique_ptr<const Linear> linear(const std::string& name,
                                       std::int64_t out,
                                       std::int64_t in,
                                       bool bias) {
    const at::Tensor weight = weights_.base(name + ".weight", {out, in});
    const at::Tensor added = bias ? weights_.base(name + ".bias", {out}) : at::Tensor();
    if (!weights_.errors().empty()) return nullptr;
    return make_linear(weight, bias ? added : at::zeros({out}, weight.options()));
  }

  LayerNorm norm(const std::string& name) {
    return with_eps(
        weights_.base(name + ".weight", {shape_.width}),
        shape_.norm_bias ? weights_.base(name + ".bias", {shape_.width}) : at::Tensor());
  }

  Layer layer(std::int64_t number) {
    const std::string start = fmt::format("layers.{}.", number);
    Layer layer;
    if (number > 0) layer.attention_norm = norm(start + "attn_norm");
    layer.qkv = linear(start + "attn.Wqkv", 3 * shape_.width, shape_.width, shape_.attention_bias);
    layer.output = linear(start + "attn.Wo", shape_.width, shape_.width, shape_.attention_bias);
    layer.mlp_norm = norm(start + "mlp_norm");
    layer.up = linear(start + "mlp.Wi", 2 * shape_.intermediate, shape_.width, shape_.mlp_bias);
    layer.down = linear(start + "mlp.Wo", shape_.width, shape_.intermediate, shape_.mlp_bias);
    layer.local = number % shape_.every != 0;
    return layer;
  }

  /// words: what scores over the vocabulary are tied to; undefined: not tied.
  Head head(const HeadNames& names, std::int64_t outputs, const at::Tensor& words) {
    const std::int64_t width = shape_.width;
    const at::Tensor dense = weights_.head("head.dense.weight", {width, width});
    const at::Tensor dense_bias =
        shape_.head_bias ? weights_.head("head.dense.bias", {width}) : at::Tensor();
    const at::Tensor norm = weights_.head("head.norm.weight", {width});
    const at::Tensor norm_bias =
        shape_.norm_bias ? weights_.head("head.norm.bias", {width}) : at::Tensor();
    const std::string name(names.scores);
    const at::Tensor scores =
        words.defined() ? words : weights_.head(name + ".weight", {outputs, width});
    const bool biased = names.kind != HeadKind::masked_lm || shape_.decoder_bias;
    const at::Tensor bias = biased ? weights_.head(name + ".bias", {outputs}) : at::Tensor();
    Head head;
    if (!weights_.errors().empty()) return head;
    const auto or_zero = [&](const at::Tensor& x, std::int64_t size) {
      return x.defined() ? x : at::zeros({size}, dense.options());
    };
    head.dense = make_linear(dense, or_zero(dense_bias, width), shape_.head_function);
    head.norm = with_eps(norm, norm_bias);
    head.scores = make_linear(scores, or_zero(bias, outputs));
    head.outputs = static_cast<std::size_t>(outputs);
    return head;
  }

 private:
  LayerNorm with_eps(at::Tensor weight, at::Tensor bias) const {
    if (weight.defined() && !bias.defined()) bias = at::zeros_like(weight);
    LayerNorm norm;
    norm.weight = std::move(weight);
    norm.bias = std::move(bias);
    norm.eps = shape_.eps;
    return norm;
  }

  Weights& weights_;
  const Shape& shape_;
};

Result<BuiltModel> load(const ModelRequest& request,
                        const Shape& shape,
                        ModelFacts facts,
                        std::size_t labels,
                        const Checkpoint& checkpoint) {
  Weights weights = weights_of(request, checkpoint);
  weights.use_prefix("model.");
  Taker taker(weights, shape);
  const HeadNames& names = *find_head(kHeads, request.head);
  Parts parts;
  parts.shape = shape;
  parts.words = weights.base("embeddings.tok_embeddings.weight", {shape.vocabulary, shape.width});
  parts.norm = taker.norm("embeddings.norm");
  for (std::int64_t i = 0; i < shape.layers; ++i) parts.layers.push_back(taker.layer(i));
  parts.final_norm = taker.norm("final_norm");
  const bool over_words = request.head == HeadKind::masked_lm;
  std::int64_t outputs = over_words ? shape.vocabulary : static_cast<std::int64_t>(labels);
  if (request.head == HeadKind::question_answering) outputs = 2;
  if (request.head != HeadKind::none) {
    parts.head = taker.head(names, outputs, over_words && shape.tied ? parts.words : at::Tensor());
  }
  if (!weights.errors().empty()) return BuiltModel{.model = nullptr, .errors = weights.errors()};
  note_weights(request, weights);
  auto revision = revision_of(request, checkpoint);
  if (!revision) return std::move(revision).error();
  facts.revision = *std::move(revision);
  parts.facts = std::move(facts);
  return BuiltModel{.model = std::make_shared<ModernBert>(std::move(parts)), .errors = {}};
}

BuiltModel build(const ModelRequest& request) {
  ModelConfig config(*request.config);
  const Shape shape = shape_of(config);
  const std::vector<std::string> labels = config.labels();
  const std::string problem_type = config.text_or("problem_type", "");
  if (!config.errors().empty()) return {.model = nullptr, .errors = config.errors()};
  const auto checkpoint = Checkpoint::open(request.folder);
  if (!checkpoint) return {.model = nullptr, .errors = {checkpoint.error()}};
  const bool reads_labels = request.head == HeadKind::sequence_classification ||
                            request.head == HeadKind::token_classification;
  ModelFacts facts;
  facts.model_type = "modernbert";
  facts.architecture = std::string(find_head(kHeads, request.head)->architecture);
  facts.device = request.device;
  facts.dtype = request.dtype;
  facts.width = static_cast<std::size_t>(shape.width);
  facts.vocab_size = static_cast<std::size_t>(shape.vocabulary);
  facts.max_positions = static_cast<std::size_t>(std::max(shape.positions, kLongestWithoutTable));
  if (reads_labels) facts.labels = labels;
  facts.problem_type = problem_type;
  facts.head = request.head;
  auto built = guarded("loading the weights",
                       [&] { return load(request, shape, facts, labels.size(), *checkpoint); });
  if (!built) return {.model = nullptr, .errors = {std::move(built).error()}};
  return *std::move(built);
}

}  // namespace

Architecture modernbert() {
  return {
      .model_type = "modernbert",
      .sentence = "ModernBERT: embeddings, labels of texts and of tokens, answers, masked words.",
      .heads = kHeads,
      .build = build};
}

}  // namespace millrace::pipeline
