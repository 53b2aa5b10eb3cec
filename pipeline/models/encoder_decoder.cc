#include "pipeline/models/encoder_decoder.h"

#include "config/base/check.h"
#include "pipeline/models/collect.h"
#include "pipeline/models/forward.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <string_view>
#include <utility>

#include <ATen/ATen.h>
#include <fmt/format.h>

namespace millrace::pipeline {
namespace {

/// What the decoder reads: of every row as much as somebody asks for.
struct Target {
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t> begin = {0};
};

std::span<const std::int32_t> ids_of(const Batch& batch, std::size_t row) {
  const auto begin = static_cast<std::size_t>(batch.row_begin[row]);
  return std::span(batch.ids)
      .first(static_cast<std::size_t>(batch.row_begin[row + 1]))
      .subspan(begin);
}

Error bad_row(std::size_t row, std::string_view what) {
  return error(Errc::invalid_input, "BAD_ROW", fmt::format("row {}: {}", row, what));
}

/// Whether of a row only the last token that the decoder computes is read.
bool reads_last_only(Wanted wanted) { return wanted == Wanted::head || wanted == Wanted::first; }

/// Half precision overflows in these models; the reference cuts there, too.
at::Tensor within_half(at::Tensor x) {
  constexpr double kLargest = 65504.0 - 1000.0;
  return x.scalar_type() == at::kHalf ? x.clamp_(-kLargest, kLargest) : x;
}

class EncoderDecoder final : public Model {
 public:
  explicit EncoderDecoder(EncoderDecoderParts parts) : parts_(std::move(parts)) {}

  const ModelFacts& facts() const override { return parts_.facts; }

  std::unique_ptr<Workspace> make_workspace() const override {
    return std::make_unique<NoWorkspace>();
  }

  Result<Output> forward(const Batch& batch, Workspace& /*workspace*/) const override {
    return checked_forward(batch, facts(), [&] { return compute(batch); });
  }

 private:
  Result<Output> compute(const Batch& batch) const {
    const auto target = target_of(batch);
    if (!target) return target.error();
    const Hidden hidden = decode(*target, encode(batch), batch);
    const bool any = std::any_of(batch.wanted.begin(), batch.wanted.end(), reads_head);
    if (!any) return collect(batch, hidden, {});
    const std::vector<std::int32_t> asked = asked_of_head(batch, hidden, Pooled::last);
    return collect(batch, hidden, scores_of(*parts_.head, hidden.states, asked));
  }

  Result<Target> target_of(const Batch& batch) const {
    Target target;
    for (std::size_t row = 0; row < batch.rows(); ++row) {
      const auto length = length_of(batch, row);
      if (!length) return length.error();
      const auto start = start_of(batch, row);
      if (!start) return start.error();
      target.ids.push_back(*start);
      const std::span<const std::int32_t> rest = ids_of(batch, row).first(*length - 1);
      target.ids.insert(target.ids.end(), rest.begin(), rest.end());
      target.begin.push_back(static_cast<std::int32_t>(target.ids.size()));
    }
    return target;
  }

  /// Returns how many tokens of a row the decoder computes: 1 … the length of the row.
  Result<std::size_t> length_of(const Batch& batch, std::size_t row) const {
    const std::span<const std::int32_t> ids = ids_of(batch, row);
    switch (batch.wanted[row]) {
      case Wanted::first:
        return std::size_t{1};
      case Wanted::head: {
        const auto last = std::find(ids.rbegin(), ids.rend(), parts_.eos);
        if (last == ids.rend())
          return bad_row(
              row, fmt::format("it has no token {}, the last of which the head reads", parts_.eos));
        return static_cast<std::size_t>(ids.rend() - last);
      }
      case Wanted::masked: {
        const std::span<const std::int32_t> asked = batch.positions_of(row);
        const auto last = std::max_element(asked.begin(), asked.end());
        return last == asked.end() ? std::size_t{1} : static_cast<std::size_t>(*last) + 1;
      }
      case Wanted::tokens:
      case Wanted::hidden:
      case Wanted::mean:
        break;
    }
    return ids.size();
  }

  Result<std::int32_t> start_of(const Batch& batch, std::size_t row) const {
    if (parts_.decoder_ids.start) return *parts_.decoder_ids.start;
    const std::span<const std::int32_t> ids = ids_of(batch, row);
    const std::int32_t pad = parts_.decoder_ids.pad;
    const auto others =
        std::count_if(ids.begin(), ids.end(), [&](std::int32_t id) { return id != pad; });
    if (others == 0) return bad_row(row, fmt::format("it holds nothing but token {}", pad));
    return ids[static_cast<std::size_t>(others) - 1];
  }

  at::Tensor encode(const Batch& batch) const {
    at::Tensor x = parts_.encoder_embedding.run(batch.ids, {}, batch.row_begin);
    for (const EncoderLayer& layer : parts_.encoder) x = within_half(layer.run(x, batch.row_begin));
    return parts_.encoder_norm ? parts_.encoder_norm->run(x) : x;
  }

  /// source: what the encoder made of the batch.
  Hidden decode(const Target& target, const at::Tensor& source, const Batch& batch) const {
    at::Tensor x = parts_.decoder_embedding.run(target.ids, {}, target.begin);
    for (std::size_t i = 0; i + 1 < parts_.decoder.size(); ++i)
      x = parts_.decoder[i].run(x, target.begin, source, batch.row_begin);
    const DecoderLayer& last = parts_.decoder.back();
    Hidden hidden = {.states = {}, .begin = target.begin};
    if (std::all_of(batch.wanted.begin(), batch.wanted.end(), reads_last_only)) {
      hidden.states = last.run_last(x, target.begin, source, batch.row_begin);
      std::iota(hidden.begin.begin(), hidden.begin.end(), 0);
    } else {
      hidden.states = last.run(x, target.begin, source, batch.row_begin);
    }
    if (parts_.decoder_norm) hidden.states = parts_.decoder_norm->run(hidden.states);
    return hidden;
  }

  EncoderDecoderParts parts_;
};

}  // namespace

std::shared_ptr<const Model> make_encoder_decoder(EncoderDecoderParts parts) {
  check(!parts.encoder.empty() && !parts.decoder.empty(), "an encoder-decoder has layers");
  check((parts.facts.head == HeadKind::none) == !parts.head, "a model has the head it names");
  return std::make_shared<EncoderDecoder>(std::move(parts));
}

}  // namespace millrace::pipeline
