#pragma once

#include "worker/stages/condition.h"
#include "worker/stages/stage.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace millrace::worker {

/// A branch of a route; without a condition it takes the rest.
struct Branch {
  std::string name;
  std::optional<Condition> when;
};

/// Sends a record to the first branch whose condition holds, else to the branch without one.
/// Without such a branch a record that fits nowhere ends here, as filtered.
class RouteStage final : public Stage {
 public:
  /// branches: in the order of the file; port i is branch i.
  explicit RouteStage(std::vector<Branch> branches) : branches_(std::move(branches)) {}

  void process(Envelope envelope, Output& output) const override;

 private:
  std::vector<Branch> branches_;
};

}  // namespace millrace::worker
