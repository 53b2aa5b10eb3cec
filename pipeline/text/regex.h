#pragma once

#include "pipeline/text/pattern.h"

#include <cstddef>
#include <memory>
#include <string_view>
#include <variant>
#include <vector>

namespace millrace::pipeline {

/// A pattern of a tokenizer.json that is ready to search. Thread-safe; copies share what they run.
///
/// Source: tokenizers 0.22.2, utils/onig.rs and the iterator of the crate onig; every class of
/// characters is that of pattern_classes.h, whatever Unicode the machine's libraries know.
class Regex {
 public:
  /// Bytes begin … end (not included) of the text.
  struct Match {
    std::size_t begin;
    std::size_t end;

    friend bool operator==(const Match&, const Match&) = default;
  };

  static std::variant<Regex, PatternProblem> compile(std::string_view pattern);

  /// Overwrites `matches` with all matches in valid UTF-8, from left to right; they do not overlap.
  /// An empty one is left out where another match has just ended. Returns false when a text takes
  /// more steps than a pattern that means well ever does.
  [[nodiscard]] bool find_all(std::string_view text, std::vector<Match>& matches) const;

  /// Whether a match may be empty.
  bool may_be_empty() const;

 private:
  struct Program;

  explicit Regex(std::shared_ptr<const Program> program) : program_(std::move(program)) {}

  std::shared_ptr<const Program> program_;
};

}  // namespace millrace::pipeline
