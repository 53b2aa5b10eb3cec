#pragma once

#include "pipeline/contract/unplaced.h"
#include "pipeline/models/head_names.h"
#include "pipeline/models/model_config.h"
#include "pipeline/models/table.h"
#include "pipeline/nn/activation.h"
#include "pipeline/nn/disentangled_attention.h"
#include "pipeline/tensor/checkpoint.h"
#include "pipeline/tensor/weights.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::pipeline {

/// Where an architecture keeps the weights of a post-norm encoder; parts of names without `.weight`
/// and `.bias`.
struct EncoderNames {
  std::string_view prefix;  // "bert."
  std::string_view layer;   // "encoder.layer.", before the number
  std::string_view query;   // "attention.self.query", after the number
  std::string_view key;
  std::string_view value;
  std::string_view output;
  std::string_view attention_norm;
  std::string_view up;
  std::string_view down;
  std::string_view output_norm;
  std::string_view project = {};  // from the embedding to the layers; empty: their widths are equal
  // The same between the sum of the embedding and its norm, without a bias.
  std::string_view narrow_project = {};
  std::string_view relative_bias = {};  // of the attention, under the prefix; empty: none
  // Layers in groups: "encoder.albert_layer_groups.0.albert_layers.1.", this part in the middle.
  std::string_view inner_layer = {};
};

/// How scores know the distance of query and key by attention of its own (DeBERTa).
struct DisentangledShape {
  bool on = false;             // there is a table of relative positions
  bool to_position = false;    // queries look at it
  bool from_position = false;  // keys look at it
  bool shared = false;         // through the query and key of the content
  bool norm = false;           // of the table
  RelativePlaces places;
};

/// The longest row of a model that holds no table of positions and could take any: its attention
/// takes memory by the square of the row, and one text must not take all that there is.
inline constexpr std::int64_t kLongestWithoutTable = 2048;

/// The numbers of config.json under one set of names.
struct EncoderShape {
  std::int64_t width = 0;
  std::int64_t layers = 0;  // that are run
  std::int64_t heads = 0;
  std::int64_t intermediate = 0;
  std::int64_t vocabulary = 0;
  std::int64_t positions = 0;
  std::int64_t types = 0;  // 0: the model knows none
  double eps = 1e-12;
  std::string activation;           // of the feed-forward part, by its name in transformers
  std::int64_t embedding = 0;       // width of the embedding; 0: that of the layers
  std::optional<std::int64_t> pad;  // where positions skip it: its id, which is also their start
  std::int64_t groups = 0;          // of layers that share their weights; 0: none do
  std::int64_t inner = 1;           // layers of a group
  std::int64_t buckets = 0;         // of the relative bias

  bool position_table = true;  // positions are added to the words
  std::optional<DisentangledShape> disentangled;

  std::int64_t embedding_width() const { return embedding == 0 ? width : embedding; }

  /// Positions that the table has rows for; without one, as many tokens as memory is meant for.
  std::int64_t longest() const {
    if (!position_table) return std::max(positions, kLongestWithoutTable);
    return pad ? positions - *pad - 1 : positions;
  }

  /// No table ends a row of nothing but padding; memory does.
  std::optional<Unplaced> unplaced() const {
    if (!position_table || !pad) return std::nullopt;
    return Unplaced{
        .id = static_cast<std::int32_t>(*pad),
        .max_tokens = static_cast<std::size_t>(std::max(positions, kLongestWithoutTable))};
  }
};

/// Returns the activation of a name of config.json; refuses one that is not run, and returns GELU.
Activation activation_of(const std::string& name, ModelConfig& config);

/// Opens the weights where and as strictly as the request says.
Weights weights_of(const ModelRequest& request, const Checkpoint& checkpoint);

/// Notes in the log weights that nobody reads, and warns of those that are no finite numbers.
void note_weights(const ModelRequest& request, const Weights& weights);

/// Returns the declared revision and the digest of the weights, shortened. Errors: READ_FAILED.
Result<std::string> revision_of(const ModelRequest& request, const Checkpoint& checkpoint);

/// Loads an encoder: checks the configuration, takes every weight, prepares the layers.
///
/// head: the row of the architecture's heads that the request names. Complaints of `config` come
/// back with all others, and so does every weight that is missing or misshapen. Weights that nobody
/// reads are noted in the log.
BuiltModel build_text_encoder(const ModelRequest& request,
                              const EncoderNames& names,
                              const HeadNames& head,
                              EncoderShape shape,
                              ModelConfig& config);

}  // namespace millrace::pipeline
