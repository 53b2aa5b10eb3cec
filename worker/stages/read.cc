#include "worker/stages/read.h"

#include "config/schema/field.h"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::worker {
namespace {

std::optional<Pointer> pointer_at(const config::Node& node,
                                  const std::string& path,
                                  config::Reading& reading) {
  if (!node.is_scalar()) {
    reading.fail(path,
                 node.place,
                 fmt::format("expected a JSON Pointer, found {}", node.described()),
                 "write /text");
    return std::nullopt;
  }
  auto pointer = Pointer::parse(node.text);
  if (pointer) return *std::move(pointer);
  reading.fail(path, node.place, pointer.error().message, "a JSON Pointer begins with '/': /text");
  return std::nullopt;
}

}  // namespace

std::optional<Read> Read::parse(const config::Node& node,
                                const std::string& path,
                                config::Reading& reading) {
  Read read;
  if (!node.is_map()) {
    auto pointer = pointer_at(node, path, reading);
    if (!pointer) return std::nullopt;
    if (!pointer->whole()) read.pointers_.push_back(*std::move(pointer));
    return read;
  }
  bool good = true;
  const config::Node* first_of = node.find("first_of");
  if (first_of != nullptr) {
    read.first_of_ = true;
    if (node.members.size() != 1 || !first_of->is_sequence() || first_of->items.empty()) {
      reading.fail(path, node.place, "expected {first_of: [/a, /b]} and nothing beside it");
      return std::nullopt;
    }
    for (std::size_t i = 0; i < first_of->items.size(); ++i) {
      auto pointer = pointer_at(
          first_of->items[i], config::item_path(config::child_path(path, "first_of"), i), reading);
      good = good && pointer.has_value();
      if (pointer) read.pointers_.push_back(*std::move(pointer));
    }
  } else {
    if (node.members.empty()) {
      reading.fail(path,
                   node.place,
                   "expected a JSON Pointer or a map of them, found an empty map",
                   "write /text");
      return std::nullopt;
    }
    for (const config::Member& member : node.members) {
      auto pointer = pointer_at(member.value, config::child_path(path, member.key), reading);
      good = good && pointer.has_value();
      if (!pointer) continue;
      read.names_.push_back(member.key);
      read.pointers_.push_back(*std::move(pointer));
    }
  }
  if (!good) return std::nullopt;
  return read;
}

Result<const Json*> Read::of(const Json& document, Document& made) const {
  if (pointers_.empty()) return &document;
  std::string missing;
  const auto miss = [&](const Pointer& pointer) {
    missing += (missing.empty() ? "" : ", ") + pointer.text();
  };
  if (names_.empty()) {
    for (const Pointer& pointer : pointers_) {
      if (const Json* value = pointer.find(document)) return value;
      miss(pointer);
    }
  } else {
    Json object = Json::object();
    for (std::size_t i = 0; i < pointers_.size(); ++i) {
      const Json* value = pointers_[i].find(document);
      if (value == nullptr) {
        miss(pointers_[i]);
      } else {
        object[names_[i]] = *value;
      }
    }
    if (missing.empty()) {
      made = Document(std::move(object));
      return &*std::as_const(made);
    }
  }
  return error(Errc::invalid_input,
               "NO_FIELD",
               fmt::format("the record has nothing at {}; see `read:` of the stage", missing));
}

}  // namespace millrace::worker
