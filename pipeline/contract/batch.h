#pragma once

#include "pipeline/contract/item.h"

#include <cstdint>
#include <span>
#include <vector>

namespace millrace::pipeline {

/// Rows laid one after the other; nothing is padded.
///
/// Row r owns ids[row_begin[r] .. row_begin[r + 1]). `type_ids` is empty (all zero) or as long as
/// `ids`. `positions` are those of the items, counted from the start of their row.
struct Batch {
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t> type_ids;
  std::vector<std::int32_t> row_begin;  // rows + 1 entries, first 0, last ids.size()
  std::vector<Wanted> wanted;           // per row
  // What rows that want `masked` ask for: row r owns positions[position_begin[r] ..
  // position_begin[r + 1]).
  std::vector<std::int32_t> positions;
  std::vector<std::int32_t> position_begin;  // rows + 1 entries, first 0, last positions.size()

  std::size_t rows() const { return wanted.size(); }

  std::size_t tokens() const { return ids.size(); }

  std::span<const std::int32_t> positions_of(std::size_t row) const {
    const auto begin = static_cast<std::size_t>(position_begin[row]);
    return std::span(positions)
        .first(static_cast<std::size_t>(position_begin[row + 1]))
        .subspan(begin);
  }
};

/// Lays items end to end, in the order given. Type ids are kept only if some item has them.
Batch pack(std::span<const Item* const> items);

}  // namespace millrace::pipeline
