#pragma once

#include "worker/stages/condition.h"
#include "worker/stages/stage.h"

#include <utility>

namespace millrace::worker {

/// Lets a record on if the condition holds; others end here, as filtered.
class FilterStage final : public Stage {
 public:
  explicit FilterStage(Condition condition) : condition_(std::move(condition)) {}

  void process(Envelope envelope, Output& output) const override;

 private:
  Condition condition_;
};

}  // namespace millrace::worker
