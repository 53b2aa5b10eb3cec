#include "pipeline/tasks/gather.h"

#include <utility>

#include <nlohmann/json.hpp>

namespace millrace::pipeline {

Result<Json> gather(
    std::size_t parts,
    bool is_list,
    std::span<const RowView> rows,
    const std::function<std::size_t(std::size_t part)>& rows_of,
    const std::function<Result<Json>(std::size_t part, std::span<const RowView> rows)>& result_of) {
  Json all = Json::array();
  for (std::size_t part = 0; part < parts; ++part) {
    const std::size_t count = rows_of(part);
    Result<Json> one = result_of(part, rows.first(count));
    if (!one || !is_list) return one;
    rows = rows.subspan(count);
    all.push_back(*std::move(one));
  }
  return all;
}

}  // namespace millrace::pipeline
