#include "config/schema/field.h"

#include "config/base/utf8.h"
#include "config/schema/suggest.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace millrace::config {
namespace {

Error bad(std::string message) {
  return error(Errc::invalid_input, "BAD_VALUE", std::move(message));
}

Error wrong_type(std::string_view expected, const Node& node) {
  std::string found = node.described();
  if (node.is_scalar() && node.quoted && node.substituted.empty()) found += " in quotes";
  return bad(fmt::format("expected {}, found {}", expected, found));
}

/// Returns the text of a scalar that may be a number or a word: one in quotes is text and nothing
/// else.
Result<std::string_view> bare_text(const Node& node, std::string_view expected) {
  if (!node.is_scalar() || (node.quoted && node.substituted.empty()))
    return wrong_type(expected, node);
  return std::string_view(node.text);
}

/// Keeps the value of a variable out of a parser's message.
Error quantity_error(Error problem, const Node& node) {
  if (node.substituted.empty()) return problem;
  const std::size_t found = problem.message.rfind(", found ");
  return bad(problem.message.substr(0, found) + ", found " + node.described());
}

/// Checks bounds and says what is out of them. print spells a bound, found is what stands there.
template <typename Print>
Result<void> within(double value,
                    const Attributes& attributes,
                    const Node& node,
                    std::string_view unit,
                    Print print) {
  const std::string suffix = unit.empty() ? "" : fmt::format(" {}", unit);
  if (attributes.min && value < *attributes.min) {
    return bad(fmt::format(
        "expected at least {}{}, found {}", print(*attributes.min), suffix, node.described()));
  }
  if (attributes.max && value > *attributes.max) {
    return bad(fmt::format(
        "expected at most {}{}, found {}", print(*attributes.max), suffix, node.described()));
  }
  return {};
}

Result<void> within_count(std::size_t count, const Attributes& attributes, std::string_view unit) {
  const auto amount = static_cast<double>(count);
  if (attributes.min && amount < *attributes.min) {
    return bad(fmt::format("expected at least {} {}, found {}", *attributes.min, unit, count));
  }
  if (attributes.max && amount > *attributes.max) {
    return bad(fmt::format("expected at most {} {}, found {}", *attributes.max, unit, count));
  }
  return {};
}

Result<void> allowed(const std::string& text, const Attributes& attributes, const Node& node) {
  const auto& choices = attributes.choices;
  if (choices.empty() || std::find(choices.begin(), choices.end(), text) != choices.end())
    return {};
  return wrong_type("one of " + listed(choices, "or"), node);
}

}  // namespace

Shown shown_node(const Node& node) {
  Shown shown;
  switch (node.kind) {
    case Node::Kind::null:
      shown.value = "null";
      break;
    case Node::Kind::scalar:
      shown.value = node.written.empty() ? yaml_spelling(node) : yaml_quoted(node.written);
      break;
    case Node::Kind::sequence:
      shown.kind = Shown::Kind::list;
      for (const Node& item : node.items) shown.children.push_back(shown_node(item));
      break;
    case Node::Kind::map:
      shown.kind = Shown::Kind::map;
      for (const Member& member : node.members) {
        Shown child = shown_node(member.value);
        child.key = member.key;
        if (child.kind == Shown::Kind::scalar && names_a_secret(member.key)) child.value = "'***'";
        shown.children.push_back(std::move(child));
      }
      break;
  }
  return shown;
}

bool names_a_secret(std::string_view key) {
  static constexpr std::array<std::string_view, 6> kSigns = {
      "password", "secret", "token", "key.pem", "credential", "jaas"};
  // Token limits of generation (`max_new_tokens`, `pad_token_id`) are no secrets.
  if (key.find("tokens") != std::string_view::npos ||
      key.find("token_id") != std::string_view::npos)
    return false;
  return std::any_of(kSigns.begin(), kSigns.end(), [&](std::string_view sign) {
    return key.find(sign) != std::string_view::npos;
  });
}

std::string child_path(std::string_view path, std::string_view key) {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

std::string item_path(std::string_view path, std::size_t index) {
  return fmt::format("{}[{}]", path, index);
}

Result<bool> read_bool(const Node& node) {
  auto text = bare_text(node, "true or false");
  if (!text) return std::move(text).error();
  if (*text == "true") return true;
  if (*text == "false") return false;
  return wrong_type("true or false", node);
}

Result<std::int64_t> read_integer(const Node& node,
                                  const Attributes& attributes,
                                  double type_min,
                                  double type_max) {
  auto text = bare_text(node, "a whole number");
  if (!text) return std::move(text).error();
  auto value = parse_integer(*text);
  if (!value) return quantity_error(std::move(value).error(), node);
  Attributes bounds = attributes;
  bounds.min = std::max(attributes.min.value_or(type_min), type_min);
  bounds.max = std::min(attributes.max.value_or(type_max), type_max);
  if (auto good = within(static_cast<double>(*value), bounds, node, attributes.unit, number_text);
      !good) {
    return std::move(good).error();
  }
  return value;
}

Result<double> read_number(const Node& node, const Attributes& attributes) {
  auto text = bare_text(node, "a number");
  if (!text) return std::move(text).error();
  auto value = parse_number(*text);
  if (!value) return quantity_error(std::move(value).error(), node);
  if (auto good = within(*value, attributes, node, attributes.unit, number_text); !good)
    return std::move(good).error();
  return value;
}

Result<std::string> read_text(const Node& node, const Attributes& attributes) {
  if (!node.is_scalar()) return wrong_type("text", node);
  if (auto good = allowed(node.text, attributes, node); !good) return std::move(good).error();
  if (auto good = within_count(count_code_points(node.text), attributes, "characters"); !good) {
    return std::move(good).error();
  }
  return node.text;
}

Result<Secret> read_secret(const Node& node) {
  if (!node.is_scalar()) return bad(fmt::format("expected text, found {}", node.described()));
  if (node.world_readable) {
    return bad(
        fmt::format("the secret can be read by everybody: {}; take the right away with chmod o-r",
                    node.substituted));
  }
  return Secret(node.text);
}

Result<std::chrono::milliseconds> read_duration(const Node& node, const Attributes& attributes) {
  auto text = bare_text(node, "a duration such as 25ms, 1s, 2m or 1h");
  if (!text) return std::move(text).error();
  auto value = parse_duration(*text);
  if (!value) return quantity_error(std::move(value).error(), node);
  const auto print = [](double ms) {
    return to_string(std::chrono::milliseconds(static_cast<std::int64_t>(ms)));
  };
  if (auto good = within(static_cast<double>(value->count()), attributes, node, {}, print); !good) {
    return std::move(good).error();
  }
  return value;
}

Result<ByteSize> read_byte_size(const Node& node, const Attributes& attributes) {
  auto text = bare_text(node, "a size such as 512, 64KiB or 1MiB");
  if (!text) return std::move(text).error();
  auto value = parse_byte_size(*text);
  if (!value) return quantity_error(std::move(value).error(), node);
  const auto print = [](double bytes) {
    return to_string(ByteSize{static_cast<std::size_t>(bytes)});
  };
  if (auto good = within(static_cast<double>(value->bytes), attributes, node, "bytes", print);
      !good) {
    return std::move(good).error();
  }
  return value;
}

Result<Rate> read_rate(const Node& node, const Attributes& attributes) {
  auto text = bare_text(node, "a rate such as 100/s, 6000/m or 10/h");
  if (!text) return std::move(text).error();
  auto value = parse_rate(*text);
  if (!value) return quantity_error(std::move(value).error(), node);
  if (auto good = within(value->per_second, attributes, node, "a second", number_text); !good) {
    return std::move(good).error();
  }
  return value;
}

Result<std::vector<std::string>> read_texts(const Node& node, const Attributes& attributes) {
  std::vector<std::string> texts;
  if (attributes.one_is_a_list && node.is_scalar()) {
    texts.push_back(node.text);
  } else if (!node.is_sequence()) {
    return wrong_type(attributes.one_is_a_list ? "text or a list of text" : "a list of text", node);
  }
  for (const Node& item : node.items) {
    if (!item.is_scalar()) return wrong_type("a list of text", item);
    if (auto good = allowed(item.text, attributes, item); !good) return std::move(good).error();
    texts.push_back(item.text);
  }
  if (auto good = within_count(texts.size(), attributes, "entries"); !good)
    return std::move(good).error();
  return texts;
}

Result<std::map<std::string, std::string>> read_text_map(const Node& node) {
  std::map<std::string, std::string> map;
  if (!node.is_map() && !node.is_null()) return wrong_type("a map of text", node);
  for (const Member& member : node.members) {
    if (!member.value.is_scalar()) {
      return bad(fmt::format(
          "{}: expected text, found {}", escape_line(member.key, 64), member.value.described()));
    }
    map.emplace(member.key, member.value.text);
  }
  return map;
}

Result<std::size_t> read_choice(const Node& node, const std::vector<std::string>& choices) {
  if (node.is_scalar()) {
    const auto found = std::find(choices.begin(), choices.end(), node.text);
    if (found != choices.end()) return static_cast<std::size_t>(found - choices.begin());
  }
  return bad(fmt::format("expected one of {}, found {}", listed(choices, "or"), node.described()));
}

Shown shown_texts(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) {
    if (out.size() > 1) out += ", ";
    out += yaml_scalar(text);
  }
  return shown_scalar(out + "]");
}

Shown shown_text_map(const std::map<std::string, std::string>& map) {
  if (map.empty()) return shown_scalar("{}");
  Shown shown{.kind = Shown::Kind::map};
  for (const auto& [key, text] : map) {
    Shown child = shown_scalar(names_a_secret(key) ? "'***'" : yaml_scalar(text));
    child.key = key;
    shown.children.push_back(std::move(child));
  }
  return shown;
}

}  // namespace millrace::config
