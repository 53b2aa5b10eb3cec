#pragma once

#include "config/base/pointer.h"
#include "config/schema/places.h"
#include "worker/stages/stage.h"

#include <memory>
#include <string>
#include <vector>

namespace millrace::worker {

/// Sets fields of the document, then removes fields: `map:` of the topology file.
class MapStage final : public Stage {
 public:
  /// set: a map from pointers to constants, or to {path: pointer}; may be nullptr. Everything that
  /// is wrong is reported at its place; then nothing is returned. name: of the stage, for dead
  /// letters.
  static std::unique_ptr<MapStage> parse(const config::Node* set,
                                         const std::vector<std::string>& remove,
                                         const std::string& name,
                                         const std::string& path,
                                         config::Reading& reading);

  /// A path that is not there sets nothing. A record that cannot be written to becomes a dead
  /// letter.
  void process(Envelope envelope, Output& output) const override;

  /// The pointers it writes.
  std::vector<std::string> writes() const;

 private:
  struct Setting {
    Pointer to;
    std::shared_ptr<const Json> constant;  // or else:
    Pointer from;
  };

  std::string name_;
  std::vector<Setting> settings_;
  std::vector<Pointer> removals_;
};

}  // namespace millrace::worker
