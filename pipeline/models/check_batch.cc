#include "pipeline/models/check_batch.h"

#include "config/base/check.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>

#include <fmt/format.h>

namespace millrace::pipeline {
namespace {

Error bad_row(std::size_t row, std::string_view what) {
  return error(Errc::invalid_input, "BAD_ROW", fmt::format("row {}: {}", row, what));
}

bool all_within(std::span<const std::int32_t> ids, std::size_t size) {
  return std::all_of(ids.begin(), ids.end(), [&](std::int32_t id) {
    return id >= 0 && static_cast<std::size_t>(id) < size;
  });
}

bool fits(Wanted wanted, HeadKind head) {
  switch (wanted) {
    case Wanted::head:
      return head == HeadKind::sequence_classification;
    case Wanted::tokens:
      return head == HeadKind::token_classification || head == HeadKind::question_answering;
    case Wanted::masked:
      return head == HeadKind::masked_lm;
    default:
      return true;
  }
}

Result<void> check_wanted(const Batch& batch, std::size_t row, HeadKind head) {
  check(fits(batch.wanted[row], head), "a head is wanted of a model that has it");
  if (batch.wanted[row] != Wanted::masked) return {};
  const auto length = static_cast<std::size_t>(batch.row_begin[row + 1] - batch.row_begin[row]);
  if (all_within(batch.positions_of(row), length)) return {};
  return bad_row(row, fmt::format("a position is outside its {} tokens", length));
}

}  // namespace

Result<void> check_batch(const Batch& batch, const ModelFacts& facts) {
  const std::size_t rows = batch.rows();
  const auto tokens = static_cast<std::int32_t>(batch.ids.size());
  check(batch.row_begin.size() == rows + 1 && batch.row_begin.front() == 0 &&
            batch.row_begin.back() == tokens,
        "the offsets of a batch cover its ids");
  check(batch.type_ids.empty() || batch.type_ids.size() == batch.ids.size(),
        "a batch has a type id for each id or none");
  check(batch.position_begin.size() == rows + 1, "the offsets of a batch cover its positions");
  for (std::size_t row = 0; row < rows; ++row) {
    const auto begin = static_cast<std::size_t>(batch.row_begin[row]);
    check(batch.row_begin[row] <= batch.row_begin[row + 1], "the offsets of a batch ascend");
    const auto length = static_cast<std::size_t>(batch.row_begin[row + 1]) - begin;
    if (length == 0) return bad_row(row, "it has no tokens");
    const auto ids = std::span(batch.ids).subspan(begin, length);
    if (!fits(ids, facts.max_positions, facts.unplaced)) {
      return bad_row(
          row, fmt::format("{} tokens, the model has {} positions", length, facts.max_positions));
    }
    if (!all_within(ids, facts.vocab_size)) {
      return bad_row(row, fmt::format("an id is outside the vocabulary of {}", facts.vocab_size));
    }
    // A model without token types ignores them, as transformers drops the input.
    if (facts.type_vocab_size > 0 && !batch.type_ids.empty() &&
        !all_within(std::span(batch.type_ids).subspan(begin, length), facts.type_vocab_size)) {
      return bad_row(row,
                     fmt::format("a token type is outside the {} types", facts.type_vocab_size));
    }
    if (auto asks = check_wanted(batch, row, facts.head); !asks) return asks;
  }
  return {};
}

}  // namespace millrace::pipeline
