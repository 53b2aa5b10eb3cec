#pragma once

#include "config/base/json.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::config {

/// Where something stands in a file, both from 1; 0 means nowhere.
struct Place {
  int line = 0;
  int column = 0;

  friend bool operator==(const Place&, const Place&) = default;
};

struct Member;

/// A YAML value with its place. Plain data; aliases are already expanded, and every limit of
/// limits.h holds.
struct Node {
  enum class Kind : std::uint8_t { null, scalar, sequence, map };

  Kind kind = Kind::null;
  Place place;
  std::string text;     // of a scalar, variables substituted
  bool quoted = false;  // written in quotes, or as a block: text whatever it looks like
  /// What was written, when the text came from a variable: `${env:NAME}`. Empty otherwise.
  std::string written;
  /// `env NAME` or `file PATH`, when the text came from a variable.
  std::string substituted;
  bool world_readable = false;  // the file behind `${file:}` can be read by everybody
  bool broken =
      false;  // a variable is missing; an issue says so, and the value must not be judged again
  std::vector<Node> items;      // of a sequence
  std::vector<Member> members;  // of a map, in file order, keys unique

  bool is_null() const { return kind == Kind::null; }

  bool is_scalar() const { return kind == Kind::scalar; }

  bool is_sequence() const { return kind == Kind::sequence; }

  bool is_map() const { return kind == Kind::map; }

  /// Returns the value of a key, or nullptr.
  const Node* find(std::string_view key) const;

  /// Says what this is, for messages: `'abc'`, `nothing`, `a list`, `a map`. Never the value of a
  /// variable.
  std::string described() const;
};

/// One key of a map and its value.
struct Member {
  std::string key;
  Place place;
  Node value;
};

/// Converts a node to JSON with the scalars of the YAML 1.2 core schema: `true`, `12`, `0x1f`,
/// `1.5`, `null`; all else, and everything in quotes, is text.
Json to_json(const Node& node);

/// Spells text as a YAML scalar: plain where that reads back as the same text, in double quotes
/// elsewhere. Variables in it stay variables.
std::string yaml_quoted(std::string_view text);

/// The same for a value: what looks like a variable is escaped.
std::string yaml_scalar(std::string_view text);

/// Spells a scalar node so that it reads back as the same text or number.
std::string yaml_spelling(const Node& node);

}  // namespace millrace::config
