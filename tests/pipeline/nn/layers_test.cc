#include "config/base/json.h"
#include "pipeline/nn/activation.h"
#include "pipeline/nn/attention.h"
#include "pipeline/nn/decoder_layer.h"
#include "pipeline/nn/embedding.h"
#include "pipeline/nn/encoder_layer.h"
#include "pipeline/nn/layer_norm.h"
#include "pipeline/nn/linear.h"
#include "pipeline/nn/relative_bias.h"
#include "tests/support/naive_nn.h"

#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace millrace::pipeline {
namespace {

constexpr double kFloat32 = 1e-5;

naive::Matrix matrix(const at::Tensor& x) {
  naive::Matrix out;
  for (std::int64_t r = 0; r < x.size(0); ++r) {
    out.emplace_back();
    for (std::int64_t c = 0; c < x.size(1); ++c) out.back().push_back(x[r][c].item<double>());
  }
  return out;
}

std::vector<double> vector(const at::Tensor& x) { return matrix(x.unsqueeze(0)).front(); }

double distance(const naive::Matrix& a, const at::Tensor& b) {
  double most = 0.0;
  const naive::Matrix other = matrix(b);
  EXPECT_EQ(a.size(), other.size());
  for (std::size_t r = 0; r < a.size(); ++r) {
    for (std::size_t c = 0; c < a[r].size(); ++c)
      most = std::max(most, std::abs(a[r][c] - other[r][c]));
  }
  return most;
}

at::Tensor noise(std::vector<std::int64_t> shape, std::uint64_t seed) {
  at::manual_seed(seed);
  return at::randn(shape);
}

TEST(Linear, every_back_end_agrees_with_plain_loops) {
  const at::Tensor x = noise({7, 24}, 1);
  const at::Tensor weight = noise({10, 24}, 2);
  const at::Tensor bias = noise({10}, 3);

  const naive::Matrix expected = naive::linear(matrix(x), matrix(weight), vector(bias));

  EXPECT_LT(distance(expected, make_linear(weight, bias)->run(x)), kFloat32);
  EXPECT_LT(distance(expected, make_aten_linear(weight, bias, Activation::none)->run(x)), kFloat32);
}

TEST(Linear, the_packed_kernels_agree_with_plain_loops) {
  const at::Tensor weight = noise({30, 24}, 2);
  if (!packed_runs(weight)) GTEST_SKIP() << "the packed kernels need a processor with AVX2";
  const at::Tensor x = noise({24, 9}, 1).t();  // not contiguous
  const at::Tensor bias = noise({30}, 3);
  const naive::Matrix expected = naive::linear(matrix(x), matrix(weight), vector(bias));

  EXPECT_LT(distance(expected, make_packed_linear(weight, bias, Activation::none)->run(x)),
            kFloat32);
}

TEST(Linear, fuses_each_activation_as_if_it_came_afterwards) {
  const at::Tensor x = noise({5, 16}, 4);
  const at::Tensor weight = noise({12, 16}, 5);
  const at::Tensor bias = noise({12}, 6);
  for (const Activation function : {Activation::gelu,
                                    Activation::gelu_tanh,
                                    Activation::gelu_quick,
                                    Activation::relu,
                                    Activation::relu6,
                                    Activation::relu_squared,
                                    Activation::silu,
                                    Activation::mish,
                                    Activation::sigmoid,
                                    Activation::tanh,
                                    Activation::leaky_relu}) {
    const at::Tensor expected = make_aten_linear(weight, bias, function)->run(x);
    const at::Tensor found = make_linear(weight, bias, function)->run(x);
    const at::Tensor size = expected.abs().clamp_min(1.0);
    EXPECT_LT(((expected - found) / size).abs().max().item<double>(), kFloat32)
        << static_cast<int>(function);
    if (!packed_runs(weight)) continue;
    const at::Tensor packed = make_packed_linear(weight, bias, function)->run(x);
    EXPECT_LT(((expected - packed) / size).abs().max().item<double>(), kFloat32)
        << static_cast<int>(function);
  }
}

TEST(Activation, gelu_is_the_exact_one_and_unknown_names_are_none) {
  at::Tensor x = at::linspace(-6, 6, 49);
  std::vector<double> expected = vector(x);
  for (double& value : expected) value = naive::gelu(value);

  apply_in_place(activation("gelu").value(), x);

  EXPECT_LT(distance({expected}, x.unsqueeze(0)), 1e-6);
  EXPECT_FALSE(activation("gelu_of_tomorrow").has_value());
}

TEST(LayerNorm, agrees_with_plain_loops_and_survives_a_constant_row) {
  at::Tensor x = noise({4, 32}, 7);
  x[2].fill_(3.0);
  const LayerNorm norm = {.weight = noise({32}, 8), .bias = noise({32}, 9), .eps = 1e-12};

  const at::Tensor y = norm.run(x);

  EXPECT_LT(
      distance(naive::layer_norm(matrix(x), vector(norm.weight), vector(norm.bias), 1e-12), y),
      kFloat32);
}

TEST(Attention, sees_only_its_own_row) {
  const at::Tensor qkv = noise({9, 3 * 16}, 10);
  const std::vector<std::int32_t> row_begin = {0, 3, 6, 7, 9};  // two of equal length are one call
  const at::Tensor q = qkv.narrow(1, 0, 16);
  const at::Tensor k = qkv.narrow(1, 16, 16);
  const at::Tensor v = qkv.narrow(1, 32, 16);

  const at::Tensor all = attend(q, k, v, row_begin, 4);
  const at::Tensor first =
      attend_one(q.index_select(0, at::tensor({0, 3, 6, 7})), k, v, row_begin, 4);

  for (std::size_t row = 0; row + 1 < row_begin.size(); ++row) {
    const auto part = [&](const at::Tensor& x) {
      return matrix(x.narrow(0, row_begin[row], row_begin[row + 1] - row_begin[row]));
    };
    const naive::Matrix expected = naive::attend(part(q), part(k), part(v), 4);
    EXPECT_LT(
        distance(expected, all.narrow(0, row_begin[row], row_begin[row + 1] - row_begin[row])),
        kFloat32);
    EXPECT_LT(distance({expected.front()}, first.narrow(0, static_cast<std::int64_t>(row), 1)),
              kFloat32);
  }
}

TEST(Attention, adds_the_bias_of_a_place_and_not_of_the_batch) {
  const at::Tensor qkv = noise({9, 3 * 16}, 11);
  const at::Tensor bias = noise({4, 5, 5}, 12);
  const std::vector<std::int32_t> row_begin = {0, 3, 6, 7, 9};
  const at::Tensor q = qkv.narrow(1, 0, 16);
  const at::Tensor k = qkv.narrow(1, 16, 16);
  const at::Tensor v = qkv.narrow(1, 32, 16);

  const at::Tensor all = attend(q, k, v, row_begin, 4, bias);
  const at::Tensor first =
      attend_one(q.index_select(0, at::tensor({0, 3, 6, 7})), k, v, row_begin, 4, bias);

  for (std::size_t row = 0; row + 1 < row_begin.size(); ++row) {
    const std::int64_t length = row_begin[row + 1] - row_begin[row];
    const auto heads = [&](const at::Tensor& x) {
      return x.narrow(0, row_begin[row], length).reshape({length, 4, 4}).transpose(0, 1);
    };
    const at::Tensor scores = at::matmul(heads(q), heads(k).transpose(1, 2)) / 2.0 +
                              bias.narrow(1, 0, length).narrow(2, 0, length);
    const at::Tensor expected =
        at::matmul(at::softmax(scores, -1), heads(v)).transpose(0, 1).reshape({length, 16});
    EXPECT_LT(distance(matrix(expected), all.narrow(0, row_begin[row], length)), kFloat32);
    EXPECT_LT(
        distance({matrix(expected).front()}, first.narrow(0, static_cast<std::int64_t>(row), 1)),
        kFloat32);
  }
}

TEST(RelativeBias, puts_distances_into_the_buckets_of_transformers) {
  const char* root = std::getenv("MILLRACE_SOURCE_DIR");
  std::ifstream stream(std::string(root == nullptr ? "." : root) +
                       "/tests/golden/relative_buckets.json");
  const Json golden = Json::parse(stream);
  std::int64_t distance = golden.at("first_distance");
  for (const Json& bucket : golden.at("buckets")) {
    EXPECT_EQ(relative_bucket(distance), bucket.get<std::int32_t>()) << distance;
    ++distance;
  }
}

TEST(RelativeBias, gives_every_query_and_key_the_bias_of_their_distance) {
  const RelativeBias bias = {.table = noise({32, 3}, 13)};

  const at::Tensor all = bias.run(40);

  ASSERT_EQ(all.sizes(), at::IntArrayRef({3, 40, 40}));
  for (const auto& [query, key] : {std::pair{0, 0}, {0, 39}, {39, 0}, {7, 5}, {5, 7}, {20, 37}}) {
    const at::Tensor expected = bias.table[relative_bucket(key - query)];
    EXPECT_TRUE(at::equal(all.select(1, query).select(1, key), expected)) << query << " " << key;
  }
  EXPECT_TRUE(at::equal(bias.run(9), all.narrow(1, 0, 9).narrow(2, 0, 9)));
}

TEST(Embedding, positions_skip_the_padding_id_and_start_behind_it) {
  Embedding embedding;
  embedding.pad = 3;
  const std::vector<std::int32_t> ids = {5, 3, 6, 7, 3, 8};
  const std::vector<std::int32_t> row_begin = {0, 4, 6};

  EXPECT_EQ(embedding.positions_of(ids, row_begin), (std::vector<std::int32_t>{4, 3, 5, 6, 3, 4}));
}

/// The first tokens of a row, up to and with one.
naive::Matrix up_to(const naive::Matrix& rows, std::size_t last) {
  return {rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(last) + 1};
}

TEST(Attention, back_sees_only_what_stands_before) {
  const at::Tensor qkv = noise({9, 3 * 16}, 14);
  const std::vector<std::int32_t> row_begin = {0, 3, 6, 7, 9};
  const at::Tensor q = qkv.narrow(1, 0, 16);
  const at::Tensor k = qkv.narrow(1, 16, 16);
  const at::Tensor v = qkv.narrow(1, 32, 16);

  const at::Tensor all = attend_back(q, k, v, row_begin, 4);

  for (std::size_t row = 0; row + 1 < row_begin.size(); ++row) {
    const std::int64_t first = row_begin[row];
    const std::int64_t length = row_begin[row + 1] - first;
    const auto part = [&](const at::Tensor& x) { return matrix(x.narrow(0, first, length)); };
    for (std::int64_t t = 0; t < length; ++t) {
      const auto last = static_cast<std::size_t>(t);
      const naive::Matrix expected =
          naive::attend({part(q)[last]}, up_to(part(k), last), up_to(part(v), last), 4);
      EXPECT_LT(distance(expected, all.narrow(0, first + t, 1)), kFloat32);
    }
  }
}

TEST(Attention, across_reads_the_same_row_elsewhere) {
  const at::Tensor q = noise({6, 16}, 15);
  const at::Tensor kv = noise({11, 2 * 16}, 16);
  const std::vector<std::int32_t> query_begin = {0, 2, 4, 5, 6};  // the first two are one call
  const std::vector<std::int32_t> key_begin = {0, 3, 6, 10, 11};
  const at::Tensor k = kv.narrow(1, 0, 16);
  const at::Tensor v = kv.narrow(1, 16, 16);

  const at::Tensor all = attend_across(q, query_begin, k, v, key_begin, 4);

  for (std::size_t row = 0; row + 1 < query_begin.size(); ++row) {
    const auto part = [&](const at::Tensor& x, const std::vector<std::int32_t>& begin) {
      return x.narrow(0, begin[row], begin[row + 1] - begin[row]);
    };
    const naive::Matrix expected = naive::attend(
        matrix(part(q, query_begin)), matrix(part(k, key_begin)), matrix(part(v, key_begin)), 4);
    EXPECT_LT(distance(expected, part(all, query_begin)), kFloat32);
  }
}

constexpr std::int64_t kWidth = 16;
constexpr std::int64_t kHeads = 4;

LayerNorm some_norm(std::uint64_t seed) {
  return {.weight = noise({kWidth}, seed), .bias = noise({kWidth}, seed + 1), .eps = 1e-5};
}

AttentionWeights some_attention(std::uint64_t seed) {
  const auto square = [&](std::uint64_t more) {
    return noise({kWidth, kWidth}, seed + more) * 0.3;
  };
  const auto bias = [&](std::uint64_t more) { return noise({kWidth}, seed + more); };
  return {.query = square(0),
          .query_bias = bias(1),
          .key = square(2),
          .key_bias = bias(3),
          .value = square(4),
          .value_bias = bias(5),
          .output = square(6),
          .output_bias = bias(7),
          .norm = some_norm(seed + 8)};
}

DecoderLayerWeights some_decoder_layer() {
  return {.back = some_attention(100),
          .across = some_attention(200),
          .up = noise({24, kWidth}, 300) * 0.3,
          .up_bias = noise({24}, 301),
          .down = noise({kWidth, 24}, 302) * 0.3,
          .down_bias = noise({kWidth}, 303),
          .output_norm = some_norm(304)};
}

/// One part of a layer, said plainly: its sum, normalised before or afterwards.
template <typename Part>
at::Tensor around(const at::Tensor& x, const LayerNorm& norm, NormOf norms, Part part) {
  const bool before = norms == NormOf::input;
  const at::Tensor sum = x + part(before ? norm.run(x) : x);
  return before ? sum : norm.run(sum);
}

/// An attention of one row; of one that looks back, x is the source as well.
at::Tensor attended(const AttentionWeights& w,
                    const at::Tensor& x,
                    const at::Tensor& source,
                    bool back) {
  const at::Tensor q = at::linear(x, w.query, w.query_bias);
  const at::Tensor k = at::linear(source, w.key, w.key_bias);
  const at::Tensor v = at::linear(source, w.value, w.value_bias);
  const std::vector<std::int32_t> one = {0, static_cast<std::int32_t>(x.size(0))};
  const std::vector<std::int32_t> other = {0, static_cast<std::int32_t>(source.size(0))};
  const at::Tensor out =
      back ? attend_back(q, k, v, one, kHeads) : attend_across(q, one, k, v, other, kHeads);
  return at::linear(out, w.output, w.output_bias);
}

at::Tensor plain_decoder_layer(const DecoderLayerWeights& w,
                               const at::Tensor& x,
                               const at::Tensor& source,
                               NormOf norms) {
  const at::Tensor a = around(
      x, w.back.norm, norms, [&](const at::Tensor& in) { return attended(w.back, in, in, true); });
  const at::Tensor b = around(a, w.across.norm, norms, [&](const at::Tensor& in) {
    return attended(w.across, in, source, false);
  });
  return around(b, w.output_norm, norms, [&](const at::Tensor& in) {
    return at::linear(at::gelu(at::linear(in, w.up, w.up_bias)), w.down, w.down_bias);
  });
}

TEST(DecoderLayer, is_three_parts_with_their_norms_on_either_side) {
  const DecoderLayerWeights weights = some_decoder_layer();
  const at::Tensor x = noise({6, kWidth}, 20);
  const at::Tensor source = noise({9, kWidth}, 21);
  const std::vector<std::int32_t> begin = {0, 3, 4, 6};
  const std::vector<std::int32_t> source_begin = {0, 3, 7, 9};
  for (const NormOf norms : {NormOf::sum, NormOf::input}) {
    const DecoderLayer layer(weights, kHeads, Activation::gelu, norms);

    const at::Tensor all = layer.run(x, begin, source, source_begin);
    const at::Tensor last = layer.run_last(x, begin, source, source_begin);

    ASSERT_EQ(last.size(0), 3);
    for (std::size_t row = 0; row < 3; ++row) {
      const auto part = [&](const at::Tensor& t, const std::vector<std::int32_t>& offsets) {
        return t.narrow(0, offsets[row], offsets[row + 1] - offsets[row]);
      };
      const at::Tensor expected =
          plain_decoder_layer(weights, part(x, begin), part(source, source_begin), norms);
      EXPECT_LT(distance(matrix(expected), part(all, begin)), kFloat32);
      EXPECT_LT(distance({matrix(expected).back()}, last.narrow(0, static_cast<int>(row), 1)),
                kFloat32);
    }
  }
}

TEST(EncoderLayer, normalises_what_its_parts_read_if_told_to) {
  const AttentionWeights own = some_attention(400);
  EncoderLayerWeights weights = {.query = own.query,
                                 .query_bias = own.query_bias,
                                 .key = own.key,
                                 .key_bias = own.key_bias,
                                 .value = own.value,
                                 .value_bias = own.value_bias,
                                 .output = own.output,
                                 .output_bias = own.output_bias,
                                 .up = noise({24, kWidth}, 410) * 0.3,
                                 .up_bias = noise({24}, 411),
                                 .down = noise({kWidth, 24}, 412) * 0.3,
                                 .down_bias = noise({kWidth}, 413),
                                 .attention_norm = own.norm,
                                 .output_norm = some_norm(414)};
  const at::Tensor x = noise({5, kWidth}, 22);
  const std::vector<std::int32_t> begin = {0, 5};
  for (const NormOf norms : {NormOf::sum, NormOf::input}) {
    const EncoderLayer layer(weights, kHeads, Activation::relu, norms);

    const at::Tensor all = layer.run(x, begin);
    const at::Tensor first = layer.run_first(x, begin);

    const at::Tensor a = around(
        x, own.norm, norms, [&](const at::Tensor& in) { return attended(own, in, in, false); });
    const at::Tensor expected = around(a, weights.output_norm, norms, [&](const at::Tensor& in) {
      return at::linear(
          at::relu(at::linear(in, weights.up, weights.up_bias)), weights.down, weights.down_bias);
    });
    EXPECT_LT(distance(matrix(expected), all), kFloat32);
    EXPECT_LT(distance({matrix(expected).front()}, first), kFloat32);
  }
}

TEST(Embedding, scales_words_and_nothing_else) {
  Embedding embedding;
  embedding.words = noise({4, kWidth}, 30);
  embedding.positions = noise({3, kWidth}, 31);
  embedding.norm = some_norm(32);
  embedding.scale = 4.0;
  const std::vector<std::int32_t> ids = {2, 0, 1};
  const std::vector<std::int32_t> row_begin = {0, 2, 3};

  const at::Tensor x = embedding.run(ids, {}, row_begin);

  const at::Tensor sum = embedding.words.index_select(0, at::tensor({2, 0, 1})) * 4.0 +
                         embedding.positions.index_select(0, at::tensor({0, 1, 0}));
  EXPECT_LT(distance(matrix(embedding.norm.run(sum)), x), kFloat32);
}

TEST(Attention, survives_scores_that_overflow_exp) {
  const at::Tensor big = at::full({3, 8}, 100.0);
  const std::vector<std::int32_t> row_begin = {0, 3};

  EXPECT_TRUE(at::isfinite(attend(big, big, big, row_begin, 2)).all().item<bool>());
}

}  // namespace
}  // namespace millrace::pipeline
