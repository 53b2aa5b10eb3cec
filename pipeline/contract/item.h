#pragma once

#include <cstdint>
#include <vector>

namespace millrace::pipeline {

/// What a task will read of a row: the model computes nothing else.
enum class Wanted : std::uint8_t {
  head,    // the outputs of the classification head: one row of num_labels
  tokens,  // the outputs of a head over every token: [tokens, num_labels]; 2 columns, start and
           // end, for questions
  hidden,  // the last hidden state of every token: [tokens, width]
  mean,    // the mean of the hidden states of all tokens: one row of width
  first,   // the hidden state of the first token: one row of width
  masked,  // the outputs of a head over the vocabulary, at the item's positions only:
           // [positions, vocab_size]
};

/// One row for the model: its ids and channels, what is wanted of it, what it costs.
struct Item {
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t> type_ids;  // empty or as long as ids
  Wanted wanted = Wanted::head;
  std::vector<std::int32_t> positions = {};  // with Wanted::masked: tokens of ids, in any order

  /// Tokens: what a batch is budgeted in.
  std::size_t cost() const { return ids.size(); }
};

}  // namespace millrace::pipeline
