#pragma once

#include "config/base/json.h"
#include "config/base/result.h"
#include "pipeline/contract/output.h"

#include <cstddef>
#include <functional>
#include <span>

namespace millrace::pipeline {

/// Gives each part of a record its rows, in order, and gathers the results: a list of them if the
/// record held a list, else the only one. The first error wins.
///
/// rows_of(part): how many rows it has. result_of(part, rows): its result.
Result<Json> gather(
    std::size_t parts,
    bool is_list,
    std::span<const RowView> rows,
    const std::function<std::size_t(std::size_t part)>& rows_of,
    const std::function<Result<Json>(std::size_t part, std::span<const RowView> rows)>& result_of);

}  // namespace millrace::pipeline
