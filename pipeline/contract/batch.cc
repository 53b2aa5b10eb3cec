#include "pipeline/contract/batch.h"

namespace millrace::pipeline {

Batch pack(std::span<const Item* const> items) {
  std::size_t tokens = 0;
  bool typed = false;
  for (const Item* item : items) {
    tokens += item->ids.size();
    typed = typed || !item->type_ids.empty();
  }
  Batch batch;
  batch.ids.reserve(tokens);
  if (typed) batch.type_ids.reserve(tokens);
  batch.row_begin.reserve(items.size() + 1);
  batch.row_begin.push_back(0);
  batch.position_begin.reserve(items.size() + 1);
  batch.position_begin.push_back(0);
  for (const Item* item : items) {
    batch.ids.insert(batch.ids.end(), item->ids.begin(), item->ids.end());
    batch.row_begin.push_back(static_cast<std::int32_t>(batch.ids.size()));
    batch.wanted.push_back(item->wanted);
    batch.positions.insert(batch.positions.end(), item->positions.begin(), item->positions.end());
    batch.position_begin.push_back(static_cast<std::int32_t>(batch.positions.size()));
    if (!typed) continue;
    batch.type_ids.insert(batch.type_ids.end(), item->type_ids.begin(), item->type_ids.end());
    batch.type_ids.resize(batch.ids.size(), 0);
  }
  return batch;
}

}  // namespace millrace::pipeline
