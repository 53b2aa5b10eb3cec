#include "config/base/json.h"
#include "pipeline/nn/activation.h"
#include "pipeline/nn/attention.h"
#include "pipeline/nn/embedding.h"
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
    EXPECT_LT((expected - found).abs().max().item<double>(), kFloat32)
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

TEST(Attention, survives_scores_that_overflow_exp) {
  const at::Tensor big = at::full({3, 8}, 100.0);
  const std::vector<std::int32_t> row_begin = {0, 3};

  EXPECT_TRUE(at::isfinite(attend(big, big, big, row_begin, 2)).all().item<bool>());
}

}  // namespace
}  // namespace millrace::pipeline
