#pragma once

#include "pipeline/text/tokenizer.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::pipeline {

/// How labels of tokens become entities.
enum class Aggregation : std::uint8_t { none, simple, first, average, max };

/// A token with its probabilities, special tokens left out.
struct LabelledToken {
  std::string word;           // as in the vocabulary, or the text itself for an unknown token
  std::vector<float> scores;  // per label
  std::size_t start = 0;      // code points of the text
  std::size_t end = 0;
  std::size_t index = 0;  // place in the row, special tokens counted
  bool is_subword = false;
};

struct Entity {
  std::string label;  // of a token; of a group without B- or I-
  float score = 0.0F;
  std::size_t index = 0;  // without aggregation
  std::string word;
  std::size_t start = 0;
  std::size_t end = 0;
};

/// Aggregates the tokens of one window.
///
/// labels: by id. Source: transformers 4.57, pipelines/token_classification.py, aggregate().
std::vector<Entity> aggregate(std::span<const LabelledToken> tokens,
                              Aggregation aggregation,
                              std::span<const std::string> labels,
                              const Tokenizer& tokenizer);

/// Of entities that overlap because windows do, keeps the longest, of equal ones the surest.
std::vector<Entity> without_overlaps(std::vector<Entity> entities);

}  // namespace millrace::pipeline
