#pragma once

#include "config/base/json.h"
#include "config/schema/places.h"
#include "connectors/contract/record.h"

#include <memory>
#include <optional>
#include <string>

namespace millrace::worker {

/// A condition of the topology file: {path: /score, ge: 0.8}, joined by all, any and not.
///
/// A missing value and a value of another type make a test false; `exists: false` asks for absence.
/// Several operators in one test must all hold. Immutable, thread-safe.
class Condition {
 public:
  /// Reads a condition. Everything that is wrong is reported at its place; then nothing is
  /// returned.
  static std::optional<Condition> parse(const config::Node& node,
                                        const std::string& path,
                                        config::Reading& reading);

  /// document: nullptr if the record has none; every path is missing then.
  bool holds(const Json* document, const connectors::Record& record) const;

  struct Term;

 private:
  explicit Condition(std::shared_ptr<const Term> term) : term_(std::move(term)) {}

  std::shared_ptr<const Term> term_;
};

}  // namespace millrace::worker
