#include "pipeline/models/text_encoder.h"

#include "config/base/check.h"
#include "pipeline/tensor/guard.h"

#include <algorithm>
#include <span>
#include <utility>

#include <ATen/ATen.h>
#include <fmt/format.h>

namespace millrace::pipeline {
namespace {

/// Nothing outlives a batch: libtorch's allocator keeps what it needs.
class NoWorkspace final : public Workspace {};

Error bad_row(std::size_t row, std::string_view what) {
  return error(Errc::invalid_input, "BAD_ROW", fmt::format("row {}: {}", row, what));
}

bool all_within(std::span<const std::int32_t> ids, std::size_t size) {
  return std::all_of(ids.begin(), ids.end(), [&](std::int32_t id) {
    return id >= 0 && static_cast<std::size_t>(id) < size;
  });
}

/// Says whether every id has its row in a table, before any table is read.
Result<void> check_batch(const Batch& batch, const ModelFacts& facts) {
  const std::size_t rows = batch.rows();
  const auto tokens = static_cast<std::int32_t>(batch.ids.size());
  check(batch.row_begin.size() == rows + 1 && batch.row_begin.front() == 0 &&
            batch.row_begin.back() == tokens,
        "the offsets of a batch cover its ids");
  check(batch.type_ids.empty() || batch.type_ids.size() == batch.ids.size(),
        "a batch has a type id for each id or none");
  for (std::size_t row = 0; row < rows; ++row) {
    const auto begin = static_cast<std::size_t>(batch.row_begin[row]);
    check(batch.row_begin[row] <= batch.row_begin[row + 1], "the offsets of a batch ascend");
    const auto length = static_cast<std::size_t>(batch.row_begin[row + 1]) - begin;
    if (length == 0) return bad_row(row, "it has no tokens");
    if (length > facts.max_positions) {
      return bad_row(
          row, fmt::format("{} tokens, the model has {} positions", length, facts.max_positions));
    }
    if (!all_within(std::span(batch.ids).subspan(begin, length), facts.vocab_size)) {
      return bad_row(row, fmt::format("an id is outside the vocabulary of {}", facts.vocab_size));
    }
    // A model without token types ignores them, as transformers drops the input.
    if (facts.type_vocab_size > 0 && !batch.type_ids.empty() &&
        !all_within(std::span(batch.type_ids).subspan(begin, length), facts.type_vocab_size)) {
      return bad_row(row,
                     fmt::format("a token type is outside the {} types", facts.type_vocab_size));
    }
    if (batch.wanted[row] == Wanted::head)
      check(facts.head == HeadKind::sequence_classification,
            "a head is wanted of a model that has one");
  }
  return {};
}

bool wants_first_only(Wanted wanted) { return wanted == Wanted::head || wanted == Wanted::first; }

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

class TextEncoder final : public Model {
 public:
  explicit TextEncoder(TextEncoderParts parts) : parts_(std::move(parts)) {}

  const ModelFacts& facts() const override { return parts_.facts; }

  std::unique_ptr<Workspace> make_workspace() const override {
    return std::make_unique<NoWorkspace>();
  }

  Result<Output> forward(const Batch& batch, Workspace& /*workspace*/) const override {
    if (batch.rows() == 0) return Output{.values = {}, .begin = {0}, .width = {}};
    if (auto fits = check_batch(batch, facts()); !fits) return std::move(fits).error();
    return guarded("the forward pass", [&]() -> Result<Output> { return compute(batch); });
  }

 private:
  Output compute(const Batch& batch) const {
    const std::span<const std::int32_t> row_begin = batch.row_begin;
    const bool types = facts().type_vocab_size > 0;
    at::Tensor x = parts_.embedding.run(
        batch.ids,
        types ? std::span<const std::int32_t>(batch.type_ids) : std::span<const std::int32_t>(),
        row_begin);
    const bool first_only = std::all_of(batch.wanted.begin(), batch.wanted.end(), wants_first_only);
    for (std::size_t i = 0; i + 1 < parts_.layers.size(); ++i)
      x = parts_.layers[i].run(x, row_begin);
    const EncoderLayer& last = parts_.layers.back();
    if (first_only) {
      const at::Tensor first = last.run_first(x, row_begin);
      return collect(batch, {}, first);
    }
    const at::Tensor hidden = last.run(x, row_begin);
    const at::Tensor first =
        hidden.index_select(0, index_tensor(row_begin.first(batch.rows()), hidden.device()));
    return collect(batch, hidden, first);
  }

  /// hidden: [tokens, width], undefined if nobody wants it; first: [rows, width].
  Output collect(const Batch& batch, const at::Tensor& hidden, const at::Tensor& first) const {
    const bool any_head =
        std::find(batch.wanted.begin(), batch.wanted.end(), Wanted::head) != batch.wanted.end();
    const at::Tensor scores = any_head ? to_host(scores_of(batch, first)) : at::Tensor();
    const at::Tensor host_hidden = hidden.defined() ? to_host(hidden) : at::Tensor();
    const at::Tensor host_first = to_host(first);
    const std::size_t width = facts().width;
    const std::size_t labels = facts().labels.size();
    Output output;
    output.begin.push_back(0);
    std::size_t head_row = 0;
    for (std::size_t row = 0; row < batch.rows(); ++row) {
      const auto begin = static_cast<std::size_t>(batch.row_begin[row]);
      const auto length = static_cast<std::size_t>(batch.row_begin[row + 1]) - begin;
      const auto append = [&](std::span<const float> values) {
        output.values.insert(output.values.end(), values.begin(), values.end());
      };
      switch (batch.wanted[row]) {
        case Wanted::tokens:
          check(false, "a head over tokens is wanted of a model that has one");
          break;
        case Wanted::head:
          append(values_of(scores).subspan(labels * head_row++, labels));
          break;
        case Wanted::first:
          append(values_of(host_first).subspan(width * row, width));
          break;
        case Wanted::hidden:
          append(values_of(host_hidden).subspan(width * begin, width * length));
          break;
        case Wanted::mean:
          append_mean(
              values_of(host_hidden).subspan(width * begin, width * length), width, output.values);
          break;
      }
      output.begin.push_back(output.values.size());
      output.width.push_back(batch.wanted[row] == Wanted::head ? labels : width);
    }
    return output;
  }

  /// Returns [rows that want the head, labels].
  at::Tensor scores_of(const Batch& batch, const at::Tensor& first) const {
    std::vector<std::int32_t> rows;
    for (std::size_t row = 0; row < batch.rows(); ++row) {
      if (batch.wanted[row] == Wanted::head) rows.push_back(static_cast<std::int32_t>(row));
    }
    const bool all = rows.size() == batch.rows();
    const at::Tensor x = all ? first : first.index_select(0, index_tensor(rows, first.device()));
    return parts_.head_scores->run(parts_.head_dense->run(x));
  }

  TextEncoderParts parts_;
};

}  // namespace

std::shared_ptr<const Model> make_text_encoder(TextEncoderParts parts) {
  check(!parts.layers.empty(), "an encoder has layers");
  return std::make_shared<TextEncoder>(std::move(parts));
}

}  // namespace millrace::pipeline
