#define PCRE2_CODE_UNIT_WIDTH 8

#include "worker/stages/condition.h"

#include "config/base/pointer.h"
#include "config/base/utf8.h"
#include "config/schema/field.h"
#include "config/schema/suggest.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <pcre2.h>

namespace millrace::worker {

using config::Member;
using config::Node;
using config::Reading;

namespace {

/// Steps a pattern may take on one value; beyond that it does not match.
constexpr std::uint32_t kMatchLimit = 100'000;

enum class Operator : std::uint8_t {
  eq,
  ne,
  lt,
  le,
  gt,
  ge,
  in,
  exists,
  type,
  empty,
  starts_with,
  contains,
  matches
};

struct OperatorRow {
  std::string_view name;
  Operator op;
};

constexpr auto kOperators = std::to_array<OperatorRow>({{"eq", Operator::eq},
                                                        {"ne", Operator::ne},
                                                        {"lt", Operator::lt},
                                                        {"le", Operator::le},
                                                        {"gt", Operator::gt},
                                                        {"ge", Operator::ge},
                                                        {"in", Operator::in},
                                                        {"exists", Operator::exists},
                                                        {"type", Operator::type},
                                                        {"empty", Operator::empty},
                                                        {"starts_with", Operator::starts_with},
                                                        {"contains", Operator::contains},
                                                        {"matches", Operator::matches}});

const std::vector<std::string>& type_names() {
  static const std::vector<std::string> names{
      "string", "number", "boolean", "array", "object", "null"};
  return names;
}

const std::vector<std::string>& operator_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const OperatorRow& row : kOperators) all.emplace_back(row.name);
    return all;
  }();
  return names;
}

std::string_view type_of(const Json& value) {
  if (value.is_string()) return "string";
  if (value.is_number()) return "number";
  if (value.is_boolean()) return "boolean";
  if (value.is_array() || value.is_binary()) return "array";
  if (value.is_object()) return "object";
  return "null";
}

struct PatternDelete {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};

struct MatchDelete {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

struct ContextDelete {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

/// A PCRE2 pattern with a limit on its steps. Thread-safe.
class Pattern {
 public:
  static Result<std::shared_ptr<const Pattern>> compile(const std::string& text) {
    int code = 0;
    std::size_t at = 0;
    pcre2_code* compiled = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()),
                                         text.size(),
                                         PCRE2_UTF | PCRE2_NO_UTF_CHECK,
                                         &code,
                                         &at,
                                         nullptr);
    if (compiled == nullptr) {
      std::array<PCRE2_UCHAR, 160> message{};
      pcre2_get_error_message(code, message.data(), message.size());
      return error(
          Errc::invalid_input,
          "BAD_PATTERN",
          fmt::format("{} at character {}", reinterpret_cast<const char*>(message.data()), at));
    }
    auto pattern = std::make_shared<Pattern>();
    pattern->code_.reset(compiled);
    return std::shared_ptr<const Pattern>(std::move(pattern));
  }

  bool matches(const std::string& text) const {
    const std::unique_ptr<pcre2_match_data, MatchDelete> data(
        pcre2_match_data_create_from_pattern(code_.get(), nullptr));
    const std::unique_ptr<pcre2_match_context, ContextDelete> context(
        pcre2_match_context_create(nullptr));
    pcre2_set_match_limit(context.get(), kMatchLimit);
    // Records are valid UTF-8 or were refused, so the text need not be checked again.
    return pcre2_match(code_.get(),
                       reinterpret_cast<PCRE2_SPTR>(text.data()),
                       text.size(),
                       0,
                       PCRE2_NO_UTF_CHECK,
                       data.get(),
                       context.get()) >= 0;
  }

 private:
  std::unique_ptr<pcre2_code, PatternDelete> code_;
};

struct Check {
  Operator op = Operator::eq;
  Json operand;
  std::shared_ptr<const Pattern> pattern;
};

enum class Subject : std::uint8_t { path, header, key };
enum class Join : std::uint8_t { all, any, none_of };

}  // namespace

/// Either a test of one value, or other terms joined.
struct Condition::Term {
  bool is_test = false;
  Subject subject = Subject::path;
  Pointer pointer;
  std::string header;
  std::vector<Check> checks;
  Join join = Join::all;
  std::vector<Term> terms;
};

namespace {

using Term = Condition::Term;

class Parser {
 public:
  explicit Parser(Reading& reading) : reading_(reading) {}

  std::optional<Term> parse(const Node& node, const std::string& path) {
    if (!node.is_map() || node.members.empty()) {
      fail(node,
           path,
           fmt::format("expected a condition such as {{path: /score, ge: 0.8}}, found {}",
                       node.described()),
           "");
      return std::nullopt;
    }
    for (const auto& [name, join] : {std::pair("all", Join::all),
                                     std::pair("any", Join::any),
                                     std::pair("not", Join::none_of)}) {
      if (const Node* inner = node.find(name)) return joined(node, *inner, name, join, path);
    }
    return test(node, path);
  }

 private:
  void fail(const Node& node, const std::string& path, std::string message, std::string hint) {
    reading_.fail(path, node.place, std::move(message), std::move(hint));
  }

  std::optional<Term> joined(
      const Node& whole, const Node& inner, const char* name, Join join, const std::string& path) {
    if (whole.members.size() != 1) {
      fail(whole,
           path,
           fmt::format("`{}` stands alone in its map", name),
           "put the other tests into its list");
      return std::nullopt;
    }
    Term term;
    term.join = join;
    const std::string inner_path = config::child_path(path, name);
    if (join == Join::none_of) {
      auto child = parse(inner, inner_path);
      if (!child) return std::nullopt;
      term.terms.push_back(*std::move(child));
      return term;
    }
    if (!inner.is_sequence() || inner.items.empty()) {
      fail(inner,
           inner_path,
           fmt::format("expected a list of conditions, found {}", inner.described()),
           "");
      return std::nullopt;
    }
    bool good = true;
    for (std::size_t i = 0; i < inner.items.size(); ++i) {
      auto child = parse(inner.items[i], config::item_path(inner_path, i));
      good = good && child.has_value();
      if (child) term.terms.push_back(*std::move(child));
    }
    if (!good) return std::nullopt;
    return term;
  }

  std::optional<Term> test(const Node& node, const std::string& path) {
    Term term;
    term.is_test = true;
    bool good = true;
    int subjects = 0;
    for (const Member& member : node.members) {
      const std::string member_path = config::child_path(path, member.key);
      if (member.key == "path" || member.key == "header" || member.key == "key") {
        ++subjects;
        good = subject(term, member, member_path) && good;
      } else {
        good = check(term, member, member_path) && good;
      }
    }
    if (!good) return std::nullopt;
    if (subjects != 1) {
      fail(node, path, "expected one of path, header, key", "write {path: /score, ge: 0.8}");
      return std::nullopt;
    }
    if (term.checks.empty()) {
      fail(node,
           path,
           "a test without an operator",
           "add one of " + config::listed(operator_names(), "or"));
      return std::nullopt;
    }
    return term;
  }

  bool subject(Term& term, const Member& member, const std::string& path) {
    const Node& value = member.value;
    if (member.key == "key") {
      term.subject = Subject::key;
      if (value.is_scalar() && value.text == "true") return true;
      fail(value,
           path,
           fmt::format("expected true, found {}", value.described()),
           "`key: true` tests the record's key");
      return false;
    }
    if (!value.is_scalar()) {
      fail(value, path, fmt::format("expected text, found {}", value.described()), "");
      return false;
    }
    if (member.key == "header") {
      term.subject = Subject::header;
      term.header = value.text;
      return true;
    }
    auto pointer = Pointer::parse(value.text);
    if (!pointer) {
      fail(value, path, pointer.error().message, "a JSON Pointer begins with '/': /result/score");
      return false;
    }
    term.pointer = *std::move(pointer);
    return true;
  }

  bool check(Term& term, const Member& member, const std::string& path) {
    const auto row =
        std::find_if(kOperators.begin(), kOperators.end(), [&](const OperatorRow& known) {
          return known.name == member.key;
        });
    if (row == kOperators.end()) {
      std::string hint = config::suggestion(member.key, operator_names());
      // A near miss hides the others, which is no help where all of them are two letters long.
      if (hint.find("one of") == std::string::npos)
        hint += " the operators are " + config::listed(operator_names());
      reading_.fail(
          path, member.place, fmt::format("unknown operator '{}'", member.key), std::move(hint));
      return false;
    }
    Check found{row->op, config::to_json(member.value), nullptr};
    if (const char* expected = operand_problem(found)) {
      fail(member.value,
           path,
           fmt::format("`{}` expects {}, found {}", member.key, expected, member.value.described()),
           "");
      return false;
    }
    if (row->op == Operator::matches) {
      auto pattern = Pattern::compile(found.operand.get<std::string>());
      if (!pattern) {
        fail(member.value,
             path,
             "the pattern cannot be read: " + pattern.error().message,
             "patterns are those of PCRE2");
        return false;
      }
      found.pattern = *std::move(pattern);
    }
    term.checks.push_back(std::move(found));
    return true;
  }

  static const char* operand_problem(const Check& check) {
    const Json& operand = check.operand;
    switch (check.op) {
      case Operator::eq:
      case Operator::ne:
        return nullptr;
      case Operator::lt:
      case Operator::le:
      case Operator::gt:
      case Operator::ge:
        return operand.is_number() || operand.is_string() ? nullptr : "a number or text";
      case Operator::in:
        return operand.is_array() && !operand.empty() ? nullptr : "a list";
      case Operator::exists:
      case Operator::empty:
        return operand.is_boolean() ? nullptr : "true or false";
      case Operator::type: {
        const auto& names = type_names();
        const bool known =
            operand.is_string() &&
            std::find(names.begin(), names.end(), operand.get<std::string>()) != names.end();
        return known ? nullptr : "one of string, number, boolean, array, object, null";
      }
      case Operator::starts_with:
      case Operator::contains:
      case Operator::matches:
        return operand.is_string() ? nullptr : "text";
    }
    return nullptr;
  }

  Reading& reading_;
};

/// Compares numbers with numbers and text with text; nothing else has an order.
template <typename Compare>
bool ordered(const Json& value, const Json& operand, Compare compare) {
  if (value.is_number() && operand.is_number()) {
    const bool whole = value.is_number_integer() && operand.is_number_integer() &&
                       !value.is_number_unsigned() && !operand.is_number_unsigned();
    if (whole) return compare(value.get<std::int64_t>(), operand.get<std::int64_t>());
    return compare(value.get<double>(), operand.get<double>());
  }
  if (value.is_string() && operand.is_string()) {
    return compare(value.get_ref<const std::string&>(), operand.get_ref<const std::string&>());
  }
  return false;
}

bool has(const Json& value, const Json& operand) {
  if (value.is_string()) {
    return value.get_ref<const std::string&>().find(operand.get_ref<const std::string&>()) !=
           std::string::npos;
  }
  return value.is_array() && std::find(value.begin(), value.end(), operand) != value.end();
}

bool is_empty(const Json& value) {
  if (value.is_string()) return value.get_ref<const std::string&>().empty();
  if (value.is_binary()) return value.get_binary().empty();
  return value.is_null() || ((value.is_array() || value.is_object()) && value.empty());
}

/// value: nullptr if there is none.
bool passes(const Check& check, const Json* value) {
  const Json& operand = check.operand;
  if (check.op == Operator::exists) return (value != nullptr) == operand.get<bool>();
  if (value == nullptr) return false;
  switch (check.op) {
    case Operator::eq:
      return *value == operand;
    case Operator::ne:
      return *value != operand;
    case Operator::lt:
      return ordered(*value, operand, [](const auto& a, const auto& b) { return a < b; });
    case Operator::le:
      return ordered(*value, operand, [](const auto& a, const auto& b) { return a <= b; });
    case Operator::gt:
      return ordered(*value, operand, [](const auto& a, const auto& b) { return a > b; });
    case Operator::ge:
      return ordered(*value, operand, [](const auto& a, const auto& b) { return a >= b; });
    case Operator::in:
      return std::find(operand.begin(), operand.end(), *value) != operand.end();
    case Operator::type:
      return type_of(*value) == operand.get_ref<const std::string&>();
    case Operator::empty:
      return is_empty(*value) == operand.get<bool>();
    case Operator::starts_with:
      return value->is_string() && value->get_ref<const std::string&>().starts_with(
                                       operand.get_ref<const std::string&>());
    case Operator::contains:
      return has(*value, operand);
    case Operator::matches:
      return value->is_string() && check.pattern->matches(value->get_ref<const std::string&>());
    case Operator::exists:
      break;
  }
  return false;
}

bool holds_all(const Term& term, const Json* value) {
  return std::all_of(term.checks.begin(), term.checks.end(), [&](const Check& check) {
    return passes(check, value);
  });
}

bool test_holds(const Term& term, const Json* document, const connectors::Record& record) {
  if (term.subject == Subject::path) {
    return holds_all(term, document == nullptr ? nullptr : term.pointer.find(*document));
  }
  const Bytes* bytes = nullptr;
  if (term.subject == Subject::key) {
    bytes = &record.key;
  } else {
    // The last one of a repeated name, as Kafka clients read it.
    for (const connectors::Header& header : record.headers) {
      if (header.name == term.header) bytes = &header.value;
    }
  }
  // What is not text cannot be compared with text.
  if (bytes == nullptr || bytes->is_null() || config::invalid_utf8_at(bytes->view()))
    return holds_all(term, nullptr);
  const Json text(bytes->view());
  return holds_all(term, &text);
}

bool term_holds(const Term& term, const Json* document, const connectors::Record& record) {
  if (term.is_test) return test_holds(term, document, record);
  const auto holds = [&](const Term& inner) { return term_holds(inner, document, record); };
  switch (term.join) {
    case Join::all:
      return std::all_of(term.terms.begin(), term.terms.end(), holds);
    case Join::any:
      return std::any_of(term.terms.begin(), term.terms.end(), holds);
    case Join::none_of:
      return std::none_of(term.terms.begin(), term.terms.end(), holds);
  }
  return false;
}

}  // namespace

std::optional<Condition> Condition::parse(const Node& node,
                                          const std::string& path,
                                          Reading& reading) {
  auto term = Parser(reading).parse(node, path);
  if (!term) return std::nullopt;
  return Condition(std::make_shared<const Term>(*std::move(term)));
}

bool Condition::holds(const Json* document, const connectors::Record& record) const {
  return term_holds(*term_, document, record);
}

}  // namespace millrace::worker
