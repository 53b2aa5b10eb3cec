#include "config/schema/render.h"

#include "config/base/json.h"
#include "config/schema/suggest.h"

#include <set>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::config {
namespace {

// ---- reference page

/// Spells a bound in the unit of its field.
std::string bound_text(const FieldInfo& info, double bound) {
  if (info.shape == Shape::duration)
    return to_string(std::chrono::milliseconds(static_cast<std::int64_t>(bound)));
  if (info.shape == Shape::byte_size) return to_string(ByteSize{static_cast<std::size_t>(bound)});
  return number_text(bound);
}

std::string counted_unit(const FieldInfo& info) {
  switch (info.shape) {
    case Shape::text:
      return "characters";
    case Shape::texts:
    case Shape::object_map:
    case Shape::object_list:
      return "entries";
    default:
      return std::string(info.attributes.unit);
  }
}

std::string bounds_text(const FieldInfo& info) {
  const auto& [min, max] = std::pair(info.attributes.min, info.attributes.max);
  std::string out;
  if (min && max) {
    out = fmt::format("{} … {}", bound_text(info, *min), bound_text(info, *max));
  } else if (min) {
    out = "at least " + bound_text(info, *min);
  } else if (max) {
    out = "at most " + bound_text(info, *max);
  }
  const std::string unit = counted_unit(info);
  if (!unit.empty() && (min || max || !info.attributes.unit.empty()))
    out += out.empty() ? unit : " " + unit;
  return out;
}

std::string type_text(const FieldInfo& info) {
  std::string out = info.words;
  if (!info.attributes.choices.empty()) {
    std::string words;
    for (const std::string& choice : info.attributes.choices)
      words += fmt::format("{}`{}`", words.empty() ? "" : ", ", choice);
    out = info.shape == Shape::texts ? "list of " + words : words;
  }
  if (info.attributes.one_is_a_list) out += ", or one of them";
  const std::string bounds = bounds_text(info);
  return bounds.empty() ? out : out + ", " + bounds;
}

std::string default_cell(const FieldInfo& info) {
  if (info.attributes.required) return "**required**";
  if (info.default_text.empty() || info.nested != nullptr) return "–";
  if (info.shape == Shape::secret) return "–";
  return info.default_text == info.attributes.absent ? info.default_text
                                                     : "`" + info.default_text + "`";
}

std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string inner_path(const std::string& path, const FieldInfo& info) {
  const std::string inner = child_path(path, info.name);
  if (info.shape == Shape::object_map) return inner + ".<name>";
  if (info.shape == Shape::object_list) return inner + "[]";
  return inner;
}

class ReferencePage {
 public:
  explicit ReferencePage(std::string_view title) : out_(fmt::format("# {}\n", title)) {}

  void section(const Schema& schema, const std::string& path) {
    seen_.insert(&schema);
    sections_.emplace_back(&schema, path);
    out_ += fmt::format(
        "\n## {}\n\n{}\n", path.empty() ? "Top level" : "`" + path + "`", schema.sentence());
    if (!schema.fields().empty())
      out_ += "\n| key | value | default | meaning |\n|---|---|---|---|\n";
    for (const FieldInfo& info : schema.fields()) {
      out_ += fmt::format("| `{}` | {} | {} | {} |\n",
                          info.name,
                          cell(type_text(info)),
                          cell(default_cell(info)),
                          cell(meaning(info)));
    }
    for (const Exclusive& exclusive : schema.exclusives()) {
      if (exclusive.names.size() < 2) continue;
      out_ += fmt::format("\n{} one of {}.\n",
                          exclusive.one_required ? "Exactly" : "At most",
                          listed(exclusive.names, "or"));
    }
    if (!schema.rules().empty()) out_ += "\nRules:\n";
    for (const std::string& rule : schema.rules()) out_ += fmt::format("- {}\n", rule);
    for (const FieldInfo& info : schema.fields()) {
      if (info.nested != nullptr && !seen_.contains(info.nested))
        section(*info.nested, inner_path(path, info));
    }
  }

  std::string take() { return std::move(out_); }

 private:
  /// The sentence, and where the section is when another path came first.
  std::string meaning(const FieldInfo& info) const {
    for (const auto& [schema, path] : sections_) {
      if (schema == info.nested && !path.empty())
        return fmt::format("{} See `{}`.", info.sentence, path);
    }
    return info.sentence;
  }

  std::string out_;
  std::set<const Schema*> seen_;
  std::vector<std::pair<const Schema*, std::string>> sections_;
};

// ---- JSON Schema

Json object_schema(const Schema& schema);

Json variable_or(Json type) {
  return {{"anyOf", Json::array({std::move(type), {{"$ref", "#/$defs/variable"}}})}};
}

Json bounded(const char* type, const FieldInfo& info) {
  Json out = {{"type", type}};
  if (info.attributes.min) out["minimum"] = *info.attributes.min;
  if (info.attributes.max) out["maximum"] = *info.attributes.max;
  if (info.shape == Shape::integer) {
    if (info.attributes.min) out["minimum"] = static_cast<std::int64_t>(*info.attributes.min);
    if (info.attributes.max) out["maximum"] = static_cast<std::int64_t>(*info.attributes.max);
  }
  return variable_or(std::move(out));
}

Json counted(Json out, const FieldInfo& info, const char* least, const char* most) {
  if (info.attributes.min) out[least] = static_cast<std::int64_t>(*info.attributes.min);
  if (info.attributes.max) out[most] = static_cast<std::int64_t>(*info.attributes.max);
  return out;
}

/// Any scalar reads as text, `5` too.
Json text_schema() { return {{"type", {"string", "number", "boolean"}}}; }

Json texts_schema(const FieldInfo& info) {
  Json item = text_schema();
  if (!info.attributes.choices.empty()) item = {{"enum", info.attributes.choices}};
  Json list = counted({{"type", "array"}, {"items", item}}, info, "minItems", "maxItems");
  if (!info.attributes.one_is_a_list) return list;
  return {{"anyOf", Json::array({item, list})}};
}

Json field_schema(const FieldInfo& info) {
  switch (info.shape) {
    case Shape::boolean:
      return variable_or({{"type", "boolean"}});
    case Shape::integer:
      return bounded("integer", info);
    case Shape::number:
      return bounded("number", info);
    case Shape::text:
      if (!info.attributes.choices.empty()) return variable_or({{"enum", info.attributes.choices}});
      return text_schema();
    case Shape::secret:
      return text_schema();
    case Shape::duration:
      return variable_or(
          {{"anyOf",
            Json::array(
                {{{"const", 0}}, {{"type", "string"}, {"pattern", "^[0-9.]+(ms|s|m|h|d)$"}}})}});
    case Shape::byte_size:
      return variable_or(
          {{"anyOf",
            Json::array({{{"type", "integer"}, {"minimum", 0}},
                         {{"type", "string"}, {"pattern", "^[0-9.]+(B|[kKMGT]i?B)$"}}})}});
    case Shape::rate:
      return variable_or({{"type", "string"}, {"pattern", "^[0-9.]+/(s|m|min|h|d)$"}});
    case Shape::choice:
      return variable_or({{"enum", info.attributes.choices}});
    case Shape::texts:
      return texts_schema(info);
    case Shape::text_map:
      return {{"type", "object"}, {"additionalProperties", text_schema()}};
    case Shape::object:
      return object_schema(*info.nested);
    case Shape::object_map:
      return counted({{"type", "object"}, {"additionalProperties", object_schema(*info.nested)}},
                     info,
                     "minProperties",
                     "maxProperties");
    case Shape::object_list:
      return counted({{"type", "array"}, {"items", object_schema(*info.nested)}},
                     info,
                     "minItems",
                     "maxItems");
    case Shape::any:
      break;
  }
  return Json::object();
}

Json any_key_of(const Exclusive& exclusive) {
  Json any = Json::array();
  for (const std::string& name : exclusive.names)
    any.push_back({{"required", Json::array({name})}});
  return any;
}

Json object_schema(const Schema& schema) {
  Json out = {
      {"type", "object"}, {"description", schema.sentence()}, {"additionalProperties", false}};
  Json properties = Json::object();
  Json required = Json::array();
  for (const FieldInfo& info : schema.fields()) {
    Json field = field_schema(info);
    field["description"] = info.sentence;
    properties[info.name] = std::move(field);
    if (info.attributes.required) required.push_back(info.name);
  }
  out["properties"] = std::move(properties);
  if (!required.empty()) out["required"] = std::move(required);
  Json all = Json::array();
  for (const Exclusive& exclusive : schema.exclusives()) {
    Json any = any_key_of(exclusive);
    if (!exclusive.one_required) any.push_back({{"not", {{"anyOf", any_key_of(exclusive)}}}});
    all.push_back({{"oneOf", std::move(any)}});
  }
  if (!all.empty()) out["allOf"] = std::move(all);
  return out;
}

// ---- effective configuration

class ConfigPage {
 public:
  explicit ConfigPage(const Places* origins) : origins_(origins) {}

  void map(const std::vector<Shown>& values, const std::string& path, std::size_t indent) {
    for (const Shown& value : values) {
      const std::string inner = child_path(path, value.key);
      const std::string key = yaml_quoted(value.key) + ":";
      if (value.kind == Shown::Kind::absent) {
        // Kinds that were not chosen say nothing; options that are worked out later say how.
        if (!value.value.empty()) line(indent, fmt::format("# {} {}", key, value.value), {});
        continue;
      }
      entry(value, key, inner, indent);
    }
  }

  std::string take() { return std::move(out_); }

 private:
  void entry(const Shown& value,
             const std::string& start,
             const std::string& path,
             std::size_t indent) {
    if (value.kind == Shown::Kind::scalar) {
      line(indent, start + " " + value.value, path);
    } else if (value.children.empty()) {
      line(indent, start + (value.kind == Shown::Kind::list ? " []" : " {}"), path);
    } else {
      line(indent, start, {});
      value.kind == Shown::Kind::list ? list(value.children, path, indent + 2)
                                      : map(value.children, path, indent + 2);
    }
  }

  void list(const std::vector<Shown>& values, const std::string& path, std::size_t indent) {
    for (std::size_t i = 0; i < values.size(); ++i)
      entry(values[i], "-", item_path(path, i), indent);
  }

  void line(std::size_t indent, std::string text, const std::string& path) {
    constexpr std::size_t kCommentColumn = 48;
    out_.append(indent, ' ');
    const std::size_t width = indent + text.size();
    out_ += text;
    if (origins_ != nullptr && !path.empty()) {
      out_.append(width < kCommentColumn ? kCommentColumn - width : 1, ' ');
      const Origin* origin = origins_->find(path);
      out_ += "# " + (origin == nullptr ? Origin() : *origin).text();
    }
    out_ += '\n';
  }

  const Places* origins_;
  std::string out_;
};

}  // namespace

std::string reference_page(const Schema& root, std::string_view title) {
  ReferencePage page(title);
  page.section(root, "");
  return page.take();
}

std::string json_schema(const Schema& root, std::string_view title) {
  Json out = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
              {"title", std::string(title)}};
  out.update(object_schema(root));
  out["$defs"] = {{"variable", {{"type", "string"}, {"pattern", "\\$\\{(env|file):"}}}};
  return out.dump(2) + "\n";
}

std::string effective_config(const std::vector<Shown>& values, const Places* origins) {
  ConfigPage page(origins);
  page.map(values, "", 0);
  return page.take();
}

}  // namespace millrace::config
