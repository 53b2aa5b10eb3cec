#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace millrace::pipeline {

/// Tokens that take no position of their own: in RoBERTa and its kin those with the id of padding,
/// wherever they stand. A row that holds some may be longer than the table of positions.
///
/// Source: transformers 4.57, create_position_ids_from_input_ids().
struct Unplaced {
  std::int32_t id = 0;
  std::size_t max_tokens = 0;  // of a row, with those
};

/// Says whether a model takes a row of these ids.
///
/// max_positions: that it can index; 0: no limit.
/// unplaced: which tokens take none; empty: every token takes one.
bool fits(std::span<const std::int32_t> ids,
          std::size_t max_positions,
          const std::optional<Unplaced>& unplaced);

}  // namespace millrace::pipeline
