#include "pipeline/models/text_encoder_build.h"

#include "config/base/log.h"
#include "pipeline/models/text_encoder.h"
#include "pipeline/tensor/checkpoint.h"
#include "pipeline/tensor/guard.h"
#include "pipeline/tensor/weights.h"

#include <tuple>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <fmt/format.h>

namespace millrace::pipeline {
namespace {

constexpr std::int64_t kMostLayers = 1024;
constexpr std::size_t kRevisionDigits = 12;

/// A matrix and its bias.
struct Pair {
  at::Tensor weight;
  at::Tensor bias;
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
  if (!activation(shape.activation)) {
    config.refuse(fmt::format("config.json: activation {} is not one that Millrace runs",
                              config::escape_line(shape.activation, 60)));
  }
}

/// Takes the weights in the order of the layers.
class Taker {
 public:
  Taker(Weights& weights, const EncoderNames& names, const EncoderShape& shape)
      : weights_(weights), names_(names), shape_(shape) {}

  Embedding embedding() {
    const std::int64_t width = shape_.width;
    Embedding embedding;
    embedding.words =
        weights_.base("embeddings.word_embeddings.weight", {shape_.vocabulary, width});
    embedding.positions =
        weights_.base("embeddings.position_embeddings.weight", {shape_.positions, width});
    if (shape_.types > 0) {
      embedding.types =
          weights_.base("embeddings.token_type_embeddings.weight", {shape_.types, width});
    }
    embedding.norm = norm("embeddings.LayerNorm");
    return embedding;
  }

  EncoderLayerWeights layer(std::int64_t index) {
    const std::string start = fmt::format("{}{}.", names_.layer, index);
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
    layer.attention_norm = norm(start + std::string(names_.attention_norm));
    layer.output_norm = norm(start + std::string(names_.output_norm));
    return layer;
  }

  Pair head_dense() {
    const std::string name(names_.head_dense);
    const std::int64_t width = shape_.width;
    const auto [weight, bias] =
        names_.head_dense_in_base ? base_pair(name, width, width) : head_pair(name, width, width);
    return {weight, bias};
  }

  Pair classifier(std::int64_t labels) {
    const auto [weight, bias] = head_pair("classifier", labels, shape_.width);
    return {weight, bias};
  }

 private:
  std::pair<at::Tensor, at::Tensor> base_pair(const std::string& name,
                                              std::int64_t out,
                                              std::int64_t in) {
    at::Tensor weight = weights_.base(name + ".weight", {out, in});
    return {std::move(weight), weights_.base(name + ".bias", {out})};
  }

  std::pair<at::Tensor, at::Tensor> head_pair(const std::string& name,
                                              std::int64_t out,
                                              std::int64_t in) {
    at::Tensor weight = weights_.head(name + ".weight", {out, in});
    return {std::move(weight), weights_.head(name + ".bias", {out})};
  }

  LayerNorm norm(const std::string& name) {
    LayerNorm norm;
    norm.weight = weights_.base(name + ".weight", {shape_.width});
    norm.bias = weights_.base(name + ".bias", {shape_.width});
    norm.eps = shape_.eps;
    return norm;
  }

  Weights& weights_;
  const EncoderNames& names_;
  const EncoderShape& shape_;
};

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

void note_unread(const ModelRequest& request, const Weights& weights) {
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

struct Loading {
  const ModelRequest& request;
  std::string_view architecture;
  const EncoderNames& names;
  const EncoderShape& shape;
  const std::vector<std::string>& labels;
  std::string problem_type;
  Activation head_activation;
};

/// Runs under the guard: everything here calls libtorch.
Result<BuiltModel> load(const Loading& loading, const Checkpoint& checkpoint) {
  const auto& [request, architecture, names, shape, labels, problem_type, head_activation] =
      loading;
  const bool has_head = request.head == HeadKind::sequence_classification;
  Weights weights(checkpoint, request.device, request.dtype);
  weights.use_prefix(std::string(names.prefix));
  Taker taker(weights, names, shape);
  TextEncoderParts parts;
  parts.embedding = taker.embedding();
  std::vector<EncoderLayerWeights> layers;
  for (std::int64_t i = 0; i < shape.layers; ++i) layers.push_back(taker.layer(i));
  const Pair dense = has_head ? taker.head_dense() : Pair();
  const Pair classifier =
      has_head ? taker.classifier(static_cast<std::int64_t>(labels.size())) : Pair();
  if (!weights.errors().empty()) return BuiltModel{.model = nullptr, .errors = weights.errors()};
  // From here on every tensor is there and has its shape.
  for (EncoderLayerWeights& layer : layers) {
    parts.layers.push_back(prepare(layer, shape, weights));
    layer = {};
  }
  if (has_head) {
    parts.head_dense = make_linear(dense.weight, dense.bias, head_activation);
    parts.head_scores = make_linear(classifier.weight, classifier.bias);
  }
  note_unread(request, weights);
  auto revision = revision_of(request, checkpoint);
  if (!revision) return std::move(revision).error();
  parts.facts = {.model_type = {},
                 .architecture = std::string(architecture),
                 .revision = *std::move(revision),
                 .device = request.device,
                 .dtype = request.dtype,
                 .width = static_cast<std::size_t>(shape.width),
                 .vocab_size = static_cast<std::size_t>(shape.vocabulary),
                 .type_vocab_size = static_cast<std::size_t>(shape.types),
                 .max_positions = static_cast<std::size_t>(shape.positions),
                 .labels = has_head ? labels : std::vector<std::string>(),
                 .problem_type = problem_type,
                 .head = request.head};
  // "bert." names its model type.
  parts.facts.model_type = std::string(names.prefix.substr(0, names.prefix.size() - 1));
  return BuiltModel{.model = make_text_encoder(std::move(parts)), .errors = {}};
}

}  // namespace

BuiltModel build_text_encoder(const ModelRequest& request,
                              std::string_view architecture,
                              const EncoderNames& names,
                              EncoderShape shape,
                              ModelConfig& config,
                              Activation head_activation) {
  check_shape(shape, config);
  const std::vector<std::string> labels = config.labels();
  if (!config.errors().empty()) return {.model = nullptr, .errors = config.errors()};
  const auto checkpoint = Checkpoint::open(request.folder);
  if (!checkpoint) return {.model = nullptr, .errors = {checkpoint.error()}};
  const Loading loading = {.request = request,
                           .architecture = architecture,
                           .names = names,
                           .shape = shape,
                           .labels = labels,
                           .problem_type = config.text_or("problem_type", ""),
                           .head_activation = head_activation};
  auto built = guarded("loading the weights", [&] { return load(loading, *checkpoint); });
  if (!built) return {.model = nullptr, .errors = {std::move(built).error()}};
  return *std::move(built);
}

}  // namespace millrace::pipeline
