#pragma once

#include "config/base/result.h"
#include "pipeline/contract/batch.h"
#include "pipeline/contract/output.h"
#include "pipeline/contract/unplaced.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace millrace::pipeline {

/// What stands on top of an encoder.
enum class HeadKind : std::uint8_t {
  none,
  sequence_classification,
  token_classification,
  question_answering,
  masked_lm
};

/// What tasks, checks and headers need to know about loaded weights.
struct ModelFacts {
  std::string model_type;           // "bert"
  std::string architecture;         // "BertForSequenceClassification"
  std::string revision;             // declared revision + weights' sha256, shortened
  std::string device;               // "cpu", "cuda:0"
  std::string dtype;                // "float32"
  std::size_t width = 0;            // hidden size
  std::size_t vocab_size = 0;       // rows of the word embedding
  std::size_t type_vocab_size = 0;  // 0: the model knows no token types
  std::size_t max_positions = 0;    // it can index, one for each token; 0: no limit
  // Tokens that take none; nothing: every token takes one.
  std::optional<Unplaced> unplaced = {};
  std::vector<std::string> labels;  // id2label in order of id; empty without a classification head
  std::string problem_type;         // config.problem_type, empty if absent
  HeadKind head = HeadKind::none;   // which head the weights were loaded with
};

/// What one runner reuses between batches. Confined to one thread.
class Workspace {
 public:
  virtual ~Workspace() = default;
};

/// Immutable weights and the arithmetic over them. Thread-safe: everything that changes is in the
/// workspace.
class Model {
 public:
  virtual ~Model() = default;
  virtual const ModelFacts& facts() const = 0;
  virtual std::unique_ptr<Workspace> make_workspace() const = 0;

  /// Returns the wanted values of every row, packed in the order of the batch.
  ///
  /// Errors: BAD_ROW (invalid_input) for an id outside the vocabulary, a row without tokens or
  /// one that does not fit(), a position outside its row; OUT_OF_MEMORY (resource_exhausted);
  /// DEVICE_LOST (device_lost); FORWARD_FAILED (internal).
  virtual Result<Output> forward(const Batch& batch, Workspace& workspace) const = 0;
};

}  // namespace millrace::pipeline
