#include "pipeline/models/text_encoder_build.h"

#include "config/base/log.h"
#include "pipeline/models/text_encoder.h"
#include "pipeline/tensor/checkpoint.h"
#include "pipeline/tensor/guard.h"
#include "pipeline/tensor/weights.h"

#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <fmt/format.h>

namespace millrace::pipeline {
namespace {

constexpr std::int64_t kMostLayers = 1024;
constexpr std::int64_t kSpanEnds = 2;  // an answer starts and ends somewhere
constexpr std::size_t kRevisionDigits = 12;

/// A matrix and its bias.
using Pair = std::pair<at::Tensor, at::Tensor>;

/// The weights of a head as they are stored; undefined where the head has no such part.
struct HeadWeights {
  at::Tensor dense, dense_bias;
  std::optional<LayerNorm> norm;
  at::Tensor scores, scores_bias;  // [outputs, width]
};

void check_shape(EncoderShape& shape, ModelConfig& config) {
  if (shape.heads > 0 && shape.width % shape.heads != 0) {
    config.complain(fmt::format(
        "config.json: a width of {} does not divide into {} heads", shape.width, shape.heads));
  }
  if (shape.layers > kMostLayers) {
    config.complain(
        fmt::format("config.json: {} layers, expected at most {}", shape.layers, kMostLayers));
  }
  if (shape.longest() < 1) {
    config.complain(fmt::format("config.json: {} positions, none of them behind pad_token_id {}",
                                shape.positions,
                                shape.pad.value_or(0)));
  }
  if (shape.groups > 0 && shape.inner > shape.layers / shape.groups) {
    config.complain(fmt::format("config.json: {} layers do not hold {} groups of {}",
                                shape.layers,
                                shape.groups,
                                shape.inner));
  }
  activation_of(shape.activation, config);
}

/// Takes the weights in the order of the layers.
class Taker {
 public:
  Taker(Weights& weights, const EncoderNames& names, const EncoderShape& shape)
      : weights_(weights), names_(names), shape_(shape) {}

  Embedding embedding() {
    const std::int64_t width = shape_.embedding_width();
    Embedding embedding;
    embedding.words =
        weights_.base("embeddings.word_embeddings.weight", {shape_.vocabulary, width});
    if (shape_.position_table) {
      embedding.positions =
          weights_.base("embeddings.position_embeddings.weight", {shape_.positions, width});
    }
    if (shape_.types > 0) {
      embedding.types =
          weights_.base("embeddings.token_type_embeddings.weight", {shape_.types, width});
    }
    if (!names_.narrow_project.empty()) {
      const std::string name = std::string(names_.narrow_project) + ".weight";
      const at::Tensor weight = weights_.base(name, {shape_.width, width});
      if (weight.defined())
        embedding.projection = make_linear(weight, at::zeros({shape_.width}, weight.options()));
    }
    embedding.norm =
        base_norm("embeddings.LayerNorm", names_.narrow_project.empty() ? width : shape_.width);
    if (shape_.pad) embedding.pad = static_cast<std::int32_t>(*shape_.pad);
    return embedding;
  }

  RelativeBias relative_bias() {
    const std::string name = std::string(names_.relative_bias) + ".weight";
    return {.table = weights_.base(name, {shape_.buckets, shape_.heads})};
  }

  /// Takes the table of relative positions, normalised if it is to be: [2 · span, width].
  at::Tensor relative_positions(const DisentangledShape& relative) {
    const at::Tensor table =
        weights_.base("encoder.rel_embeddings.weight", {2 * relative.places.span(), shape_.width});
    if (!relative.norm) return table;
    const LayerNorm norm = base_norm("encoder.LayerNorm", shape_.width);
    return weights_.errors().empty() ? norm.run(table) : table;
  }

  /// Projects the table with what a layer projects it with; it is the same for every batch.
  Disentangled disentangled(const DisentangledShape& relative,
                            const at::Tensor& table,
                            const std::string& start,
                            const EncoderLayerWeights& layer) {
    Disentangled made;
    made.terms += relative.to_position ? 1 : 0;
    made.terms += relative.from_position ? 1 : 0;
    if (!relative.on) return made;
    const auto projected = [&](const char* name, const Pair& content) {
      const Pair pair =
          relative.shared ? content
                          : base_pair(start + "attention.self." + name, shape_.width, shape_.width);
      return weights_.errors().empty() ? at::linear(table, pair.first, pair.second) : at::Tensor();
    };
    if (relative.to_position) made.keys = projected("pos_key_proj", {layer.key, layer.key_bias});
    if (relative.from_position)
      made.queries = projected("pos_query_proj", {layer.query, layer.query_bias});
    return made;
  }

  Pair projection() {
    return base_pair(std::string(names_.project), shape_.width, shape_.embedding_width());
  }

  EncoderLayerWeights layer(const std::string& start) {
    const auto square = [&](std::string_view name) {
      return base_pair(start + std::string(name), shape_.width, shape_.width);
    };
    EncoderLayerWeights layer;
    std::tie(layer.query, layer.query_bias) = square(names_.query);
    std::tie(layer.key, layer.key_bias) = square(names_.key);
    std::tie(layer.value, layer.value_bias) = square(names_.value);
    std::tie(layer.output, layer.output_bias) = square(names_.output);
    std::tie(layer.up, layer.up_bias) =
        base_pair(start + std::string(names_.up), shape_.intermediate, shape_.width);
    std::tie(layer.down, layer.down_bias) =
        base_pair(start + std::string(names_.down), shape_.width, shape_.intermediate);
    layer.attention_norm = base_norm(start + std::string(names_.attention_norm), shape_.width);
    layer.output_norm = base_norm(start + std::string(names_.output_norm), shape_.width);
    return layer;
  }

  /// outputs: columns of the scores; words: the table that scores over the vocabulary are tied to,
  /// undefined if they are not.
  HeadWeights head(const HeadNames& head, std::int64_t outputs, const at::Tensor& words) {
    const std::int64_t width = shape_.width;
    const bool over_words = head.kind == HeadKind::masked_lm;
    const std::int64_t inner = over_words ? shape_.embedding_width() : width;
    const std::string dense(head.dense);
    const std::string scores(head.scores);
    HeadWeights taken;
    if (!dense.empty()) {
      std::tie(taken.dense, taken.dense_bias) =
          head.dense_in_base ? base_pair(dense, inner, width) : head_pair(dense, inner, width);
    }
    if (!head.norm.empty()) taken.norm = head_norm(std::string(head.norm), inner);
    taken.scores = words.defined() ? words : weights_.head(scores + ".weight", {outputs, inner});
    taken.scores_bias = weights_.head(scores_bias(head), {outputs});
    return taken;
  }

 private:
  Pair base_pair(const std::string& name, std::int64_t out, std::int64_t in) {
    at::Tensor weight = weights_.base(name + ".weight", {out, in});
    return {std::move(weight), weights_.base(name + ".bias", {out})};
  }

  Pair head_pair(const std::string& name, std::int64_t out, std::int64_t in) {
    at::Tensor weight = weights_.head(name + ".weight", {out, in});
    return {std::move(weight), weights_.head(name + ".bias", {out})};
  }

  /// A bias that stands apart is stored once more as the bias of the scores, or only there.
  std::string scores_bias(const HeadNames& head) const {
    const std::string apart(head.scores_bias);
    const std::string beside = std::string(head.scores) + ".bias";
    if (apart.empty()) return beside;
    return weights_.has_head(beside) && !weights_.has_head(apart) ? beside : apart;
  }

  LayerNorm base_norm(const std::string& name, std::int64_t width) {
    LayerNorm norm;
    norm.weight = weights_.base(name + ".weight", {width});
    norm.bias = weights_.base(name + ".bias", {width});
    norm.eps = shape_.eps;
    return norm;
  }

  LayerNorm head_norm(const std::string& name, std::int64_t width) {
    LayerNorm norm;
    norm.weight = weights_.head(name + ".weight", {width});
    norm.bias = weights_.head(name + ".bias", {width});
    norm.eps = shape_.eps;
    return norm;
  }

  Weights& weights_;
  const EncoderNames& names_;
  const EncoderShape& shape_;
};

/// Returns how the names of every stored layer start.
std::vector<std::string> layer_starts(const EncoderNames& names, const EncoderShape& shape) {
  std::vector<std::string> starts;
  if (shape.groups == 0) {
    for (std::int64_t i = 0; i < shape.layers; ++i)
      starts.push_back(fmt::format("{}{}.", names.layer, i));
    return starts;
  }
  for (std::int64_t group = 0; group < shape.groups; ++group) {
    for (std::int64_t i = 0; i < shape.inner; ++i)
      starts.push_back(fmt::format("{}{}{}{}.", names.layer, group, names.inner_layer, i));
  }
  return starts;
}

/// Returns which stored layer is run, one after the other.
std::vector<std::size_t> layer_order(const EncoderShape& shape) {
  std::vector<std::size_t> order;
  for (std::int64_t i = 0; i < shape.layers; ++i) {
    if (shape.groups == 0) {
      order.push_back(static_cast<std::size_t>(i));
      continue;
    }
    // The division of the reference, in double: it decides where a group ends when groups do not
    // divide the layers.
    const double share = static_cast<double>(shape.layers) / static_cast<double>(shape.groups);
    const auto group = static_cast<std::int64_t>(static_cast<double>(i) / share);
    for (std::int64_t inner = 0; inner < shape.inner; ++inner)
      order.push_back(static_cast<std::size_t>(group * shape.inner + inner));
  }
  return order;
}

/// Prepares a layer and gives the pages of its stored form back, so that the two are never resident
/// together for long.
EncoderLayer prepare(const EncoderLayerWeights& layer,
                     const EncoderShape& shape,
                     const Weights& weights) {
  EncoderLayer made(layer, shape.heads, activation(shape.activation).value());
  for (const at::Tensor* stored :
       {&layer.query, &layer.key, &layer.value, &layer.output, &layer.up, &layer.down}) {
    weights.release(*stored);
  }
  return made;
}

struct Loading {
  const ModelRequest& request;
  const EncoderNames& names;
  const HeadNames& head;
  const EncoderShape& shape;
  const std::vector<std::string>& labels;
  std::string model_type;
  std::string problem_type;
  bool tied;  // scores over the vocabulary are the word embedding

  std::int64_t outputs() const {
    if (head.kind == HeadKind::question_answering) return kSpanEnds;
    if (head.kind == HeadKind::masked_lm) return shape.vocabulary;
    return static_cast<std::int64_t>(labels.size());
  }

  bool reads_labels() const {
    return head.kind == HeadKind::sequence_classification ||
           head.kind == HeadKind::token_classification;
  }
};

ModelFacts facts_of(const Loading& loading, std::string revision) {
  const EncoderShape& shape = loading.shape;
  return {.model_type = loading.model_type,
          .architecture = std::string(loading.head.architecture),
          .revision = std::move(revision),
          .device = loading.request.device,
          .dtype = loading.request.dtype,
          .width = static_cast<std::size_t>(shape.width),
          .vocab_size = static_cast<std::size_t>(shape.vocabulary),
          .type_vocab_size = static_cast<std::size_t>(shape.types),
          .max_positions = static_cast<std::size_t>(shape.longest()),
          .unplaced = shape.unplaced(),
          .labels = loading.reads_labels() ? loading.labels : std::vector<std::string>(),
          .problem_type = loading.problem_type,
          .head = loading.head.kind};
}

Head make_head(const HeadWeights& weights, const HeadNames& names, const EncoderShape& shape) {
  Head head;
  if (weights.dense.defined()) {
    const std::string_view name = names.activation.empty() ? shape.activation : names.activation;
    head.dense = make_linear(weights.dense, weights.dense_bias, activation(name).value());
  }
  head.norm = weights.norm;
  head.scores = make_linear(weights.scores, weights.scores_bias);
  head.outputs = static_cast<std::size_t>(weights.scores.size(0));
  return head;
}

/// Runs under the guard: everything here calls libtorch.
Result<BuiltModel> load(const Loading& loading, const Checkpoint& checkpoint) {
  const ModelRequest& request = loading.request;
  const EncoderShape& shape = loading.shape;
  const bool has_head = loading.head.kind != HeadKind::none;
  Weights weights = weights_of(request, checkpoint);
  weights.use_prefix(std::string(loading.names.prefix));
  Taker taker(weights, loading.names, shape);
  TextEncoderParts parts;
  parts.embedding = taker.embedding();
  const Pair projection = loading.names.project.empty() ? Pair() : taker.projection();
  if (!loading.names.relative_bias.empty()) parts.bias = taker.relative_bias();
  std::vector<EncoderLayerWeights> layers;
  at::Tensor relative;
  if (shape.disentangled && shape.disentangled->on) {
    relative = taker.relative_positions(*shape.disentangled);
    parts.places = shape.disentangled->places;
  }
  for (const std::string& start : layer_starts(loading.names, shape)) {
    layers.push_back(taker.layer(start));
    if (!shape.disentangled) continue;
    layers.back().relative =
        taker.disentangled(*shape.disentangled, relative, start, layers.back());
  }
  const at::Tensor words = loading.tied ? parts.embedding.words : at::Tensor();
  const HeadWeights head =
      has_head ? taker.head(loading.head, loading.outputs(), words) : HeadWeights();
  if (!weights.errors().empty()) return BuiltModel{.model = nullptr, .errors = weights.errors()};
  // From here on every tensor is there and has its shape.
  for (EncoderLayerWeights& layer : layers) {
    parts.layers.push_back(prepare(layer, shape, weights));
    layer = {};
  }
  parts.order = layer_order(shape);
  if (projection.first.defined())
    parts.projection = make_linear(projection.first, projection.second);
  if (has_head) parts.head = make_head(head, loading.head, shape);
  note_weights(request, weights);
  auto revision = revision_of(request, checkpoint);
  if (!revision) return std::move(revision).error();
  parts.facts = facts_of(loading, *std::move(revision));
  return BuiltModel{.model = make_text_encoder(std::move(parts)), .errors = {}};
}

}  // namespace

Activation activation_of(const std::string& name, ModelConfig& config) {
  const auto found = activation(name);
  if (!found) {
    config.refuse(fmt::format("config.json: activation {} is not one that Millrace runs",
                              config::escape_line(name, 60)));
  }
  return found.value_or(Activation::gelu);
}

Weights weights_of(const ModelRequest& request, const Checkpoint& checkpoint) {
  return Weights(checkpoint,
                 request.device,
                 request.dtype,
                 request.strict_weights ? NonfiniteWeights::refused : NonfiniteWeights::noted);
}

void note_weights(const ModelRequest& request, const Weights& weights) {
  if (const auto& damaged = weights.nonfinite(); !damaged.empty()) {
    std::int64_t values = 0;
    for (const Weights::Nonfinite& tensor : damaged) values += tensor.values;
    log::warn("weights hold values that are no finite numbers; records that meet them fail",
              {{"folder", request.folder.string()},
               {"values", values},
               {"tensors", static_cast<std::uint64_t>(damaged.size())},
               {"first", damaged.front().name}});
  }
  const std::vector<std::string> unread = weights.unexpected();
  if (unread.empty()) return;
  log::info("weights not read",
            {{"folder", request.folder.string()},
             {"count", static_cast<std::uint64_t>(unread.size())},
             {"first", unread.front()}});
}

Result<std::string> revision_of(const ModelRequest& request, const Checkpoint& checkpoint) {
  auto digest = checkpoint.content_sha256();
  if (!digest) return std::move(digest).error();
  const std::string content = digest->substr(0, kRevisionDigits);
  return request.revision.empty() ? content : fmt::format("{}@{}", request.revision, content);
}

BuiltModel build_text_encoder(const ModelRequest& request,
                              const EncoderNames& names,
                              const HeadNames& head,
                              EncoderShape shape,
                              ModelConfig& config) {
  check_shape(shape, config);
  const std::vector<std::string> labels = config.labels();
  const std::string model_type = config.text_or("model_type", "");
  const std::string problem_type = config.text_or("problem_type", "");
  const bool ties = config.flag_or("tie_word_embeddings", true);
  if (!config.errors().empty()) return {.model = nullptr, .errors = config.errors()};
  const auto checkpoint = Checkpoint::open(request.folder);
  if (!checkpoint) return {.model = nullptr, .errors = {checkpoint.error()}};
  const Loading loading = {.request = request,
                           .names = names,
                           .head = head,
                           .shape = shape,
                           .labels = labels,
                           .model_type = model_type,
                           .problem_type = problem_type,
                           .tied = head.kind == HeadKind::masked_lm && ties};
  auto built = guarded("loading the weights", [&] { return load(loading, *checkpoint); });
  if (!built) return {.model = nullptr, .errors = {std::move(built).error()}};
  return *std::move(built);
}

}  // namespace millrace::pipeline
