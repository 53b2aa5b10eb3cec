#include "pipeline/models/text_encoder.h"

#include "config/base/check.h"
#include "pipeline/models/collect.h"
#include "pipeline/models/forward.h"
#include "pipeline/tensor/guard.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

#include <ATen/ATen.h>

namespace millrace::pipeline {
namespace {

/// Nothing outlives a batch: libtorch's allocator keeps what it needs.
bool reads_first_only(Wanted wanted) { return wanted == Wanted::head || wanted == Wanted::first; }

std::int64_t longest_row(std::span<const std::int32_t> row_begin) {
  std::int32_t longest = 0;
  for (std::size_t row = 0; row + 1 < row_begin.size(); ++row)
    longest = std::max(longest, row_begin[row + 1] - row_begin[row]);
  return longest;
}

class TextEncoder final : public Model {
 public:
  explicit TextEncoder(TextEncoderParts parts) : parts_(std::move(parts)) {}

  const ModelFacts& facts() const override { return parts_.facts; }

  std::unique_ptr<Workspace> make_workspace() const override {
    return std::make_unique<NoWorkspace>();
  }

  Result<Output> forward(const Batch& batch, Workspace& /*workspace*/) const override {
    return checked_forward(batch, facts(), [&] { return compute(batch); });
  }

 private:
  Output compute(const Batch& batch) const {
    const Hidden hidden = run_layers(batch);
    const bool any = std::any_of(batch.wanted.begin(), batch.wanted.end(), reads_head);
    if (!any) return collect(batch, hidden, {});
    return collect(
        batch, hidden, scores_of(*parts_.head, hidden.states, asked_of_head(batch, hidden)));
  }

  /// Returns what the layers are told about the distances of tokens; undefined: nothing.
  at::Tensor relations_of(std::int64_t longest) const {
    if (parts_.bias) return parts_.bias->run(longest);
    if (parts_.places) return parts_.places->run(longest, parts_.embedding.words.device());
    return {};
  }

  Hidden run_layers(const Batch& batch) const {
    const std::span<const std::int32_t> row_begin = batch.row_begin;
    const bool types = facts().type_vocab_size > 0;
    at::Tensor x = parts_.embedding.run(
        batch.ids,
        types ? std::span<const std::int32_t>(batch.type_ids) : std::span<const std::int32_t>(),
        row_begin);
    if (parts_.projection) x = parts_.projection->run(x);
    const at::Tensor bias = relations_of(longest_row(row_begin));
    for (std::size_t i = 0; i + 1 < parts_.order.size(); ++i)
      x = parts_.layers[parts_.order[i]].run(x, row_begin, bias);
    const EncoderLayer& last = parts_.layers[parts_.order.back()];
    if (!std::all_of(batch.wanted.begin(), batch.wanted.end(), reads_first_only))
      return {.states = last.run(x, row_begin, bias), .begin = batch.row_begin};
    std::vector<std::int32_t> begin(batch.rows() + 1);
    std::iota(begin.begin(), begin.end(), 0);
    return {.states = last.run_first(x, row_begin, bias), .begin = std::move(begin)};
  }

  TextEncoderParts parts_;
};

}  // namespace

std::shared_ptr<const Model> make_text_encoder(TextEncoderParts parts) {
  check(!parts.order.empty(), "an encoder has layers");
  check((parts.facts.head == HeadKind::none) == !parts.head, "an encoder has the head it names");
  return std::make_shared<TextEncoder>(std::move(parts));
}

}  // namespace millrace::pipeline
