#include "pipeline/text/regex_json.h"

#include <string>
#include <utility>
#include <variant>

namespace millrace::pipeline {

std::optional<Regex> read_regex(JsonReader& in, const Place& place) {
  const std::string text = in.text(place);
  if (!in.ok()) return std::nullopt;
  auto made = Regex::compile(text);
  if (auto* regex = std::get_if<Regex>(&made)) return std::move(*regex);
  const PatternProblem& problem = std::get<PatternProblem>(made);
  if (problem.unsupported) {
    in.unsupported(place.pointer, problem.found, "what Oniguruma and PCRE2 have in common");
  } else {
    in.bad(place.pointer, "a pattern", problem.found);
  }
  return std::nullopt;
}

}  // namespace millrace::pipeline
