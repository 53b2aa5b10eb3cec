#include "worker/stages/map.h"

#include "config/schema/field.h"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::worker {

std::unique_ptr<MapStage> MapStage::parse(const config::Node* set,
                                          const std::vector<std::string>& remove,
                                          const std::string& name,
                                          const std::string& path,
                                          config::Reading& reading) {
  auto stage = std::make_unique<MapStage>();
  stage->name_ = name;
  bool good = true;
  const auto pointer_of = [&](const std::string& text,
                              config::Place place,
                              const std::string& at) -> std::optional<Pointer> {
    auto pointer = Pointer::parse(text);
    if (pointer) return *std::move(pointer);
    good = false;
    reading.fail(at,
                 place,
                 pointer.error().message,
                 fmt::format("a JSON Pointer begins with '/': /{}", text));
    return std::nullopt;
  };
  const std::string set_path = config::child_path(path, "set");
  if (set != nullptr && !set->is_map()) {
    reading.fail(set_path,
                 set->place,
                 fmt::format("expected a map of pointers, found {}", set->described()),
                 "write {/seen: true}");
    return nullptr;
  }
  if (set != nullptr) {
    for (const config::Member& member : set->members) {
      const std::string at = config::child_path(set_path, member.key);
      auto to = pointer_of(member.key, member.place, at);
      if (!to) continue;
      Setting setting{*std::move(to), nullptr, {}};
      const config::Node* from = member.value.find("path");
      if (from != nullptr && member.value.members.size() == 1 && from->is_scalar()) {
        if (auto source = pointer_of(from->text, from->place, at))
          setting.from = *std::move(source);
      } else {
        setting.constant = std::make_shared<const Json>(config::to_json(member.value));
      }
      stage->settings_.push_back(std::move(setting));
    }
  }
  for (std::size_t i = 0; i < remove.size(); ++i) {
    const std::string at = config::item_path(config::child_path(path, "remove"), i);
    if (auto removal = pointer_of(remove[i], reading.places.nearest(at), at))
      stage->removals_.push_back(*std::move(removal));
  }
  if (!good) return nullptr;
  return stage;
}

void MapStage::process(Envelope envelope, Output& output) const {
  if (envelope.document.has_value()) {
    Json& document = *envelope.document;
    envelope.changed = true;
    for (const Setting& setting : settings_) {
      Result<void> done;
      if (setting.constant != nullptr) {
        done = setting.to.put(document, *setting.constant);
      } else if (const Json* value = setting.from.find(document)) {
        done = setting.to.put(document, Json(*value));
      }
      if (!done) {
        envelope.token.reject(Failure{.error = std::move(done).error(), .stage = name_});
        return;
      }
    }
    for (const Pointer& removal : removals_) removal.erase(document);
  }
  output.send(0, std::move(envelope));
}

std::vector<std::string> MapStage::writes() const {
  std::vector<std::string> all;
  for (const Setting& setting : settings_) all.push_back(setting.to.text());
  return all;
}

}  // namespace millrace::worker
