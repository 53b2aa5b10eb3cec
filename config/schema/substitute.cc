#include "config/schema/substitute.h"

#include "config/base/utf8.h"

#include <algorithm>

#include <fmt/format.h>

namespace millrace::config {
namespace {

/// What a variable stands for, or why it stands for nothing.
struct Variable {
  std::string text;
  std::string origin;
  bool world_readable = false;
  std::string problem = {};
  std::string hint = {};
};

Variable from_environment(std::string_view name, const YamlOptions& options) {
  constexpr std::string_view kDefault = ":-";
  const std::size_t mark = name.find(kDefault);
  const std::string variable(name.substr(0, mark));
  Variable out{.text = {}, .origin = "env " + variable};
  if (auto value = options.env(variable)) {
    out.text = *std::move(value);
  } else if (mark != std::string_view::npos) {
    out.text = name.substr(mark + kDefault.size());
  } else {
    out.problem = fmt::format("the environment variable {} is not set", escape_line(variable, 64));
    out.hint = fmt::format("set it, or write ${{env:{}:-default}}", escape_line(variable, 64));
  }
  return out;
}

Variable from_file(std::string_view name, const YamlOptions& options) {
  const std::filesystem::path path(name);
  Variable out{.text = {}, .origin = "file " + std::string(name)};
  // Relative paths stay beneath the configuration's folder; one that leaves it must say so in full.
  if (std::find(path.begin(), path.end(), "..") != path.end()) {
    out.problem = fmt::format("the path {} leads out of its folder", escape_line(name, 128));
    out.hint = "write an absolute path";
    return out;
  }
  auto file = options.read_file(path.is_absolute() ? path : options.root / path);
  if (!file) {
    out.problem =
        fmt::format("the file {} cannot be used: {}", escape_line(name, 128), file.error().message);
    return out;
  }
  out.text = std::move(file->text);
  out.world_readable = file->world_readable;
  return out;
}

Variable resolve(std::string_view expression, const YamlOptions& options) {
  Variable out;
  if (expression.starts_with("env:") && expression.size() > 4) {
    out = from_environment(expression.substr(4), options);
  } else if (expression.starts_with("file:") && expression.size() > 5) {
    out = from_file(expression.substr(5), options);
  } else {
    out.problem = fmt::format("unknown variable ${{{}}}", escape_line(expression, 64));
    out.hint = "only ${env:NAME} and ${file:path} are known; write $${ for a literal ${";
  }
  if (out.problem.empty() && invalid_utf8_at(out.text))
    out.problem = fmt::format("the value of {} is not UTF-8", out.origin);
  return out;
}

class Substitution {
 public:
  Substitution(Node& node, const YamlOptions& options, Issues& issues)
      : node_(node), options_(options), issues_(issues) {}

  void run() {
    std::string out;
    std::string_view rest = node_.text;
    while (!rest.empty() && !node_.broken) {
      const std::size_t mark = rest.find("${");
      if (mark == std::string_view::npos) break;
      if (mark > 0 && rest[mark - 1] == '$') {
        out.append(rest.substr(0, mark - 1)).append("${");
        rest.remove_prefix(mark + 2);
        continue;
      }
      out += rest.substr(0, mark);
      rest.remove_prefix(mark + 2);
      const std::size_t end = rest.find('}');
      if (end == std::string_view::npos) {
        fail("a variable without its '}'", "write $${ for a literal ${");
        return;
      }
      out += value_of(rest.substr(0, end));
      rest.remove_prefix(end + 1);
    }
    if (node_.broken) return;
    out += rest;
    if (!node_.substituted.empty()) node_.written = node_.text;
    node_.text = std::move(out);
  }

 private:
  void fail(std::string message, std::string hint) {
    node_.broken = true;
    issues_.push_back({.file = options_.file,
                       .line = node_.place.line,
                       .column = node_.place.column,
                       .path = {},
                       .message = std::move(message),
                       .hint = std::move(hint)});
  }

  std::string value_of(std::string_view expression) {
    Variable variable = resolve(expression, options_);
    if (!variable.problem.empty()) {
      fail(std::move(variable.problem), std::move(variable.hint));
      return {};
    }
    if (!node_.substituted.empty()) node_.substituted += ", ";
    node_.substituted += variable.origin;
    node_.world_readable = node_.world_readable || variable.world_readable;
    return std::move(variable.text);
  }

  Node& node_;
  const YamlOptions& options_;
  Issues& issues_;
};

}  // namespace

void substitute(Node& node, const YamlOptions& options, Issues& issues) {
  if (node.is_scalar() && node.text.find("${") != std::string::npos)
    Substitution(node, options, issues).run();
  for (Node& item : node.items) substitute(item, options, issues);
  for (Member& member : node.members) substitute(member.value, options, issues);
}

}  // namespace millrace::config
