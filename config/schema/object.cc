#include "config/schema/object.h"

#include "config/schema/suggest.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace millrace::config {
namespace {

bool is_name(std::string_view text) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  return !text.empty() && text.find_first_not_of(kAllowed) == std::string_view::npos;
}

std::string shown_key(std::string_view key) { return escape_line(key, 64); }

void check_exclusive(const Exclusive& exclusive,
                     const Node& node,
                     const std::string& path,
                     Reading& reading) {
  std::vector<std::string> found;
  Place second = node.place;
  for (const Member& member : node.members) {
    if (std::find(exclusive.names.begin(), exclusive.names.end(), member.key) ==
        exclusive.names.end())
      continue;
    found.push_back(member.key);
    if (found.size() == 2) second = member.place;
  }
  if (found.size() > 1) {
    reading.fail(
        path,
        second,
        fmt::format("expected only one of {}, found {}", listed(exclusive.names), listed(found)));
  } else if (found.empty() && exclusive.one_required) {
    const bool alone = exclusive.names.size() == 1;
    reading.fail(path,
                 node.place,
                 alone ? fmt::format("missing key '{}'", exclusive.names.front())
                       : fmt::format("expected one of the keys {}", listed(exclusive.names, "or")));
  }
}

}  // namespace

void Report::fail(std::string_view field, std::string message, std::string hint) {
  reading_.fail(
      field.empty() ? path_ : child_path(path_, field), std::move(message), std::move(hint));
}

void Report::warn(std::string_view field, std::string message, std::string hint) {
  reading_.warn(
      field.empty() ? path_ : child_path(path_, field), std::move(message), std::move(hint));
}

void Schema::declare(FieldInfo info) {
  for (const FieldInfo& other : fields_)
    millrace::config::check(other.name != info.name, "a field is declared once");
  fields_.push_back(std::move(info));
}

std::vector<std::string> Schema::names() const {
  std::vector<std::string> all;
  for (const FieldInfo& info : fields_) all.push_back(info.name);
  return all;
}

bool Schema::check_keys(const Node& node, const std::string& path, Reading& reading) const {
  if (!node.is_map() && !node.is_null()) {
    const std::vector<std::string> known = names();
    reading.fail(path,
                 node.place,
                 fmt::format("expected a map, found {}", node.described()),
                 known.empty() ? "" : "its keys are " + listed(known));
    return false;
  }
  for (const Member& member : node.members) {
    const auto known = std::any_of(fields_.begin(), fields_.end(), [&](const FieldInfo& info) {
      return info.name == member.key;
    });
    if (known) continue;
    reading.fail(path,
                 member.place,
                 fmt::format("unknown key '{}'", shown_key(member.key)),
                 suggestion(member.key, names()));
  }
  for (const FieldInfo& info : fields_) {
    if (!info.attributes.required || node.find(info.name) != nullptr) continue;
    reading.fail(path, node.place, fmt::format("missing key '{}'", info.name), info.sentence);
  }
  for (const Exclusive& exclusive : exclusives_) check_exclusive(exclusive, node, path, reading);
  return true;
}

void Schema::report(const Error& problem,
                    const FieldInfo& info,
                    const Node& node,
                    const std::string& path,
                    Reading& reading) {
  std::string hint;
  if (node.is_scalar() && node.substituted.empty()) {
    const std::string_view nearest = nearest_name(node.text, info.attributes.choices);
    if (!nearest.empty()) hint = fmt::format("did you mean '{}'?", nearest);
  }
  reading.fail(path, node.place, problem.message, std::move(hint));
}

std::vector<const Member*> named_entries(const Node& node,
                                         const FieldInfo& info,
                                         const std::string& path,
                                         Reading& reading) {
  std::vector<const Member*> entries;
  if (!node.is_map() && !node.is_null()) {
    reading.fail(
        path, node.place, fmt::format("expected a map of names, found {}", node.described()));
    return entries;
  }
  for (const Member& member : node.members) {
    if (is_name(member.key)) {
      entries.push_back(&member);
      continue;
    }
    reading.fail(path,
                 member.place,
                 fmt::format("expected a name, found '{}'", shown_key(member.key)),
                 "names are made of letters, digits, '_' and '-'");
  }
  const double least = info.attributes.min.value_or(0);
  if (static_cast<double>(node.members.size()) < least) {
    reading.fail(path,
                 node.place,
                 fmt::format("expected at least {} entries, found {}", least, node.members.size()));
  }
  return entries;
}

std::span<const Node> list_entries(const Node& node,
                                   const FieldInfo& info,
                                   const std::string& path,
                                   Reading& reading) {
  if (!node.is_sequence() && !node.is_null()) {
    reading.fail(path, node.place, fmt::format("expected a list, found {}", node.described()));
    return {};
  }
  const double least = info.attributes.min.value_or(0);
  if (static_cast<double>(node.items.size()) < least) {
    reading.fail(path,
                 node.place,
                 fmt::format("expected at least {} entries, found {}", least, node.items.size()));
  }
  return node.items;
}

void remember_places(const Node& node, const std::string& path, Reading& reading) {
  for (const Member& member : node.members) {
    const std::string inner = child_path(path, member.key);
    reading.places.set(inner, reading.origin_of(member.value));
    remember_places(member.value, inner, reading);
  }
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const std::string inner = item_path(path, i);
    reading.places.set(inner, reading.origin_of(node.items[i]));
    remember_places(node.items[i], inner, reading);
  }
}

}  // namespace millrace::config
