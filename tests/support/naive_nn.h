#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

/// The layers of pipeline/nn as plain loops in double: slow, and obviously what they say.
namespace millrace::naive {

using Matrix = std::vector<std::vector<double>>;

inline Matrix linear(const Matrix& x, const Matrix& weight, const std::vector<double>& bias) {
  Matrix y(x.size(), std::vector<double>(weight.size()));
  for (std::size_t r = 0; r < x.size(); ++r) {
    for (std::size_t o = 0; o < weight.size(); ++o) {
      y[r][o] = bias[o];
      for (std::size_t i = 0; i < x[r].size(); ++i) y[r][o] += x[r][i] * weight[o][i];
    }
  }
  return y;
}

inline double gelu(double x) { return 0.5 * x * (1.0 + std::erf(x / std::sqrt(2.0))); }

inline Matrix layer_norm(const Matrix& x,
                         const std::vector<double>& weight,
                         const std::vector<double>& bias,
                         double eps) {
  Matrix y = x;
  for (std::vector<double>& row : y) {
    double mean = 0.0;
    for (const double value : row) mean += value / static_cast<double>(row.size());
    double variance = 0.0;
    for (const double value : row)
      variance += (value - mean) * (value - mean) / static_cast<double>(row.size());
    for (std::size_t i = 0; i < row.size(); ++i) {
      row[i] = (row[i] - mean) / std::sqrt(variance + eps) * weight[i] + bias[i];
    }
  }
  return y;
}

/// One row: every query over all keys of the row, head by head.
inline Matrix attend(const Matrix& q, const Matrix& k, const Matrix& v, std::size_t heads) {
  const std::size_t width = k.front().size();
  const std::size_t depth = width / heads;
  Matrix y(q.size(), std::vector<double>(width, 0.0));
  for (std::size_t h = 0; h < heads; ++h) {
    for (std::size_t t = 0; t < q.size(); ++t) {
      std::vector<double> scores(k.size(), 0.0);
      for (std::size_t s = 0; s < k.size(); ++s) {
        for (std::size_t i = h * depth; i < (h + 1) * depth; ++i) scores[s] += q[t][i] * k[s][i];
        scores[s] /= std::sqrt(static_cast<double>(depth));
      }
      const double top = *std::max_element(scores.begin(), scores.end());
      double sum = 0.0;
      for (double& score : scores) sum += score = std::exp(score - top);
      for (std::size_t s = 0; s < k.size(); ++s) {
        for (std::size_t i = h * depth; i < (h + 1) * depth; ++i)
          y[t][i] += scores[s] / sum * v[s][i];
      }
    }
  }
  return y;
}

}  // namespace millrace::naive
