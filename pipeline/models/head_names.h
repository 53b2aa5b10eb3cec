#pragma once

#include "pipeline/contract/model.h"

#include <string>
#include <string_view>

namespace millrace::pipeline {

/// Where an architecture keeps one head; parts of names without `.weight` and `.bias`.
///
/// Every head of our encoders is scores(norm(f(dense(x)))), and may lack dense and norm. A head
/// over the vocabulary has a width of the embedding between dense and scores, and its scores are
/// the word embedding unless config.json says tie_word_embeddings: false.
struct HeadNames {
  HeadKind kind = HeadKind::none;
  std::string_view architecture;  // the class of transformers
  std::string_view dense = {};
  bool dense_in_base = false;        // whether dense stands under the prefix
  std::string_view activation = {};  // after dense, as transformers names it; empty: hidden_act
  std::string_view norm = {};
  std::string_view scores = {};
  std::string_view scores_bias = {};  // the whole name, where it stands apart from scores
};

/// Returns the name of a weight that no file without this head has; empty for a head that is
/// nothing but the word embedding.
inline std::string own_weight(const HeadNames& head) {
  const bool may_be_tied = head.kind == HeadKind::masked_lm;
  const std::string_view part = may_be_tied ? head.dense : head.scores;
  return part.empty() ? std::string() : std::string(part) + ".weight";
}

}  // namespace millrace::pipeline
