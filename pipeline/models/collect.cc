#include "pipeline/models/collect.h"

#include "pipeline/nn/embedding.h"

#include <algorithm>
#include <span>
#include <utility>

#include <ATen/ATen.h>

namespace millrace::pipeline {
namespace {

/// Copies a tensor to the host as float32, whatever it is and wherever it lies.
at::Tensor to_host(const at::Tensor& x) { return x.to(at::kCPU, at::kFloat).contiguous(); }

std::span<const float> values_of(const at::Tensor& x) {
  return {x.const_data_ptr<float>(), static_cast<std::size_t>(x.numel())};
}

/// Adds up the rows of [rows, width] in float32 and divides once, as torch.mean does.
void append_mean(std::span<const float> rows, std::size_t width, std::vector<float>& out) {
  const std::size_t start = out.size();
  out.resize(start + width, 0.0F);
  float* sums = out.data() + start;
  for (std::size_t at = 0; at < rows.size(); at += width) {
    for (std::size_t i = 0; i < width; ++i) sums[i] += rows[at + i];
  }
  const auto count = static_cast<float>(rows.size() / width);
  for (std::size_t i = 0; i < width; ++i) sums[i] /= count;
}

/// Cuts rows of values on the host into what each row of the batch wants.
class Collector {
 public:
  /// states: [tokens or rows, width] as in Hidden; scores: [asked, outputs]; either may be
  /// undefined if no row reads it.
  Collector(const Batch& batch,
            const std::vector<std::int32_t>& begin,
            at::Tensor states,
            at::Tensor scores)
      : batch_(batch), begin_(begin), states_(std::move(states)), scores_(std::move(scores)) {}

  Output collect() {
    output_.begin.push_back(0);
    for (std::size_t row = 0; row < batch_.rows(); ++row) {
      append(row);
      const at::Tensor& source = reads_head(batch_.wanted[row]) ? scores_ : states_;
      output_.begin.push_back(output_.values.size());
      output_.width.push_back(static_cast<std::size_t>(source.size(1)));
    }
    return std::move(output_);
  }

 private:
  void append(std::size_t row) {
    const auto begin = static_cast<std::size_t>(begin_[row]);
    const auto length = static_cast<std::size_t>(begin_[row + 1]) - begin;
    switch (batch_.wanted[row]) {
      case Wanted::head:
        return append_scores(1);
      case Wanted::tokens:
        return append_scores(length);
      case Wanted::masked:
        return append_scores(batch_.positions_of(row).size());
      case Wanted::first:
        return append_rows(states_, begin, 1);
      case Wanted::hidden:
        return append_rows(states_, begin, length);
      case Wanted::mean:
        return append_mean(rows_of(states_, begin, length),
                           static_cast<std::size_t>(states_.size(1)),
                           output_.values);
    }
  }

  static std::span<const float> rows_of(const at::Tensor& x, std::size_t first, std::size_t count) {
    const auto width = static_cast<std::size_t>(x.size(1));
    return values_of(x).subspan(width * first, width * count);
  }

  void append_rows(const at::Tensor& x, std::size_t first, std::size_t count) {
    const std::span<const float> values = rows_of(x, first, count);
    output_.values.insert(output_.values.end(), values.begin(), values.end());
  }

  void append_scores(std::size_t count) {
    append_rows(scores_, next_score_, count);
    next_score_ += count;
  }

  const Batch& batch_;
  const std::vector<std::int32_t>& begin_;
  at::Tensor states_;
  at::Tensor scores_;
  std::size_t next_score_ = 0;
  Output output_;
};

/// Returns rows of x; x itself where that is all of them in their order.
at::Tensor select_rows(const at::Tensor& x, const std::vector<std::int32_t>& rows) {
  bool all = static_cast<std::int64_t>(rows.size()) == x.size(0);
  for (std::size_t i = 0; all && i < rows.size(); ++i) all = rows[i] == static_cast<int>(i);
  return all ? x : x.index_select(0, index_tensor(rows, x.device()));
}

}  // namespace

bool reads_head(Wanted wanted) {
  return wanted == Wanted::head || wanted == Wanted::tokens || wanted == Wanted::masked;
}

std::vector<std::int32_t> asked_of_head(const Batch& batch, const Hidden& hidden, Pooled pooled) {
  std::vector<std::int32_t> asked;
  for (std::size_t row = 0; row < batch.rows(); ++row) {
    const std::int32_t begin = hidden.begin[row];
    if (batch.wanted[row] == Wanted::head)
      asked.push_back(pooled == Pooled::first ? begin : hidden.begin[row + 1] - 1);
    if (batch.wanted[row] == Wanted::tokens) {
      for (std::int32_t at = begin; at < hidden.begin[row + 1]; ++at) asked.push_back(at);
    }
    if (batch.wanted[row] == Wanted::masked) {
      for (const std::int32_t position : batch.positions_of(row)) asked.push_back(begin + position);
    }
  }
  return asked;
}

at::Tensor scores_of(const Head& head,
                     const at::Tensor& states,
                     const std::vector<std::int32_t>& asked) {
  if (asked.empty()) return at::empty({0, static_cast<std::int64_t>(head.outputs)}, at::kFloat);
  return head.run(select_rows(states, asked));
}

Output collect(const Batch& batch, const Hidden& hidden, const at::Tensor& scores) {
  const auto& wanted = batch.wanted;
  const bool heads_only = std::all_of(wanted.begin(), wanted.end(), reads_head);
  at::Tensor states = heads_only ? at::Tensor() : to_host(hidden.states);
  at::Tensor host_scores = scores.defined() ? to_host(scores) : at::Tensor();
  return Collector(batch, hidden.begin, std::move(states), std::move(host_scores)).collect();
}

}  // namespace millrace::pipeline
