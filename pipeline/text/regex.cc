#define PCRE2_CODE_UNIT_WIDTH 8

#include "pipeline/text/regex.h"

#include "config/base/utf8.h"
#include "pipeline/text/code_point_map.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <pcre2.h>

// A pattern asks of a character only in which of its sets it is. So the characters are sorted into
// kinds, those of one kind being in the same sets, and PCRE2 searches a text of kinds, a byte each:
// with \p{L}+|\s the kinds are 0 letter, 1 white space, 2 anything else, "a b!" becomes 00 01 00 02
// and the pattern [\x00]+|[\x01]. PCRE2 needs to know nothing of Unicode then, and is as fast for
// Thai as for English.

namespace millrace::pipeline {
namespace {

using unicode::Range;

constexpr std::size_t kMaxKinds = 256;
constexpr std::size_t kMaxSets = 1024;  // that differ

// A match of a pattern that means well takes a few steps a character and hardly ever goes back; one
// that goes back over and over again takes more than the age of the universe.
constexpr std::uint32_t kMaxSteps = 10'000'000;
constexpr std::uint32_t kMaxHeapKiB = 64 * 1024;
constexpr std::size_t kStackBegin = 32 * 1024;
constexpr std::size_t kStackMost = 8 * 1024 * 1024;

constexpr std::size_t kMaxKept = std::size_t{1} << 18;  // code points of a text

struct Free {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }

  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }

  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }

  void operator()(pcre2_jit_stack* stack) const { pcre2_jit_stack_free(stack); }
};

/// What a thread searches with.
struct Searcher {
  std::unique_ptr<pcre2_match_context, Free> context{pcre2_match_context_create(nullptr)};
  std::unique_ptr<pcre2_match_data, Free> data{pcre2_match_data_create(1, nullptr)};
  std::unique_ptr<pcre2_jit_stack, Free> stack{
      pcre2_jit_stack_create(kStackBegin, kStackMost, nullptr)};
  std::string kinds;
  std::vector<std::uint32_t> offsets;  // of the code points; empty for ASCII

  Searcher() {
    pcre2_set_match_limit(context.get(), kMaxSteps);
    pcre2_set_heap_limit(context.get(), kMaxHeapKiB);
    pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
  }

  std::size_t byte_of(std::size_t code_point) const {
    return offsets.empty() ? code_point : offsets[code_point];
  }
};

Searcher& searcher() {
  thread_local Searcher mine;
  return mine;
}

/// The kinds of all code points, and the sets as the kinds that are in them.
struct Kinds {
  CodePointMap<std::uint8_t> of{0};
  std::vector<std::string> sets;  // as classes of PCRE2, in the order of Pattern::sets
};

struct Bound {
  char32_t at;
  std::size_t set;
};

/// Where sets begin or end, in ascending order.
std::vector<Bound> bounds_of(const std::vector<CodePointSet>& sets) {
  std::vector<Bound> bounds;
  for (std::size_t i = 0; i < sets.size(); ++i) {
    for (const Range& range : sets[i].ranges())
      bounds.insert(bounds.end(), {{range.first, i}, {range.last + 1, i}});
  }
  std::sort(
      bounds.begin(), bounds.end(), [](const Bound& a, const Bound& b) { return a.at < b.at; });
  return bounds;
}

std::string as_class(const std::vector<bool>& members) {
  std::string text;
  for (std::size_t kind = 0; kind < members.size(); ++kind) {
    if (members[kind]) text += fmt::format("\\x{:02x}", kind);
  }
  return text.empty() ? "[^\\x00-\\xff]" : fmt::format("[{}]", text);
}

struct FewerRanges {
  bool operator()(const CodePointSet& a, const CodePointSet& b) const {
    const auto first = [](const Range& x, const Range& y) {
      return std::pair(x.first, x.last) < std::pair(y.first, y.last);
    };
    return std::lexicographical_compare(
        a.ranges().begin(), a.ranges().end(), b.ranges().begin(), b.ranges().end(), first);
  }
};

/// Nothing when there are too many kinds.
std::optional<Kinds> sort_into_kinds(const std::vector<CodePointSet>& all) {
  std::map<CodePointSet, std::size_t, FewerRanges> numbers;
  std::vector<CodePointSet> sets;
  for (const CodePointSet& set : all) {
    if (numbers.emplace(set, sets.size()).second) sets.push_back(set);
  }
  if (sets.size() > kMaxSets) return std::nullopt;
  Kinds kinds;
  std::map<std::vector<bool>, std::uint8_t> known;
  std::vector<bool> inside(sets.size());
  std::vector<std::vector<bool>> members(sets.size(), std::vector<bool>(kMaxKinds));
  const std::vector<Bound> bounds = bounds_of(sets);
  auto bound = bounds.begin();
  for (char32_t begin = 0; begin <= kLastCodePoint;) {
    for (; bound != bounds.end() && bound->at == begin; ++bound)
      inside[bound->set] = !inside[bound->set];
    const char32_t end = bound != bounds.end() ? bound->at : kLastCodePoint + 1;
    const auto found = known.find(inside);
    if (found == known.end() && known.size() == kMaxKinds) return std::nullopt;
    const std::uint8_t kind =
        found != known.end() ? found->second : static_cast<std::uint8_t>(known.size());
    known.emplace(inside, kind);
    for (std::size_t i = 0; i < sets.size(); ++i) members[i][kind] = inside[i];
    kinds.of.set(begin, end - 1, kind);
    begin = end;
  }
  for (const CodePointSet& set : all) kinds.sets.push_back(as_class(members[numbers.at(set)]));
  return kinds;
}

std::string pcre2_text(const Pattern& pattern, const Kinds& kinds) {
  std::string text;
  for (const Pattern::Part& part : pattern.parts)
    text += part.set ? kinds.sets[*part.set] : part.structure;
  return text;
}

std::string message_of(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

}  // namespace

struct Regex::Program {
  CodePointMap<std::uint8_t> kinds{0};
  std::array<char, 128> ascii{};
  std::unique_ptr<pcre2_code, Free> code;

  /// Writes a text as kinds.
  void read(std::string_view text, Searcher& out) const {
    out.kinds.clear();
    out.offsets.clear();
    out.kinds.reserve(text.size());
    std::size_t at = 0;
    for (; at < text.size() && static_cast<unsigned char>(text[at]) < 0x80; ++at)
      out.kinds += ascii[static_cast<unsigned char>(text[at])];
    if (at == text.size()) return;
    for (std::uint32_t i = 0; i < at; ++i) out.offsets.push_back(i);
    while (at < text.size()) {
      const config::Decoded next = config::decode_utf8(text.substr(at));
      out.kinds += static_cast<char>(kinds[next.code_point]);
      out.offsets.push_back(static_cast<std::uint32_t>(at));
      at += next.length;
    }
    out.offsets.push_back(static_cast<std::uint32_t>(at));
  }
};

std::variant<Regex, PatternProblem> Regex::compile(std::string_view pattern) {
  auto read = read_pattern(pattern);
  if (auto* problem = std::get_if<PatternProblem>(&read)) return std::move(*problem);
  auto kinds = sort_into_kinds(std::get<Pattern>(read).sets);
  if (!kinds) {
    return PatternProblem{true,
                          fmt::format("more than {} kinds of characters in a pattern", kMaxKinds)};
  }
  const std::string text = pcre2_text(std::get<Pattern>(read), *kinds);
  int code = 0;
  PCRE2_SIZE at = 0;
  auto program = std::make_shared<Program>();
  program->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()),
                                    text.size(),
                                    PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C,
                                    &code,
                                    &at,
                                    nullptr));
  // What was read is well formed, so what is left are things that PCRE2 does not do, or only so
  // far.
  if (!program->code) {
    const bool length = code == PCRE2_ERROR_LOOKBEHIND_NOT_FIXED_LENGTH;
    return PatternProblem{length, length ? "a look-behind of varying length" : message_of(code)};
  }
  pcre2_jit_compile(program->code.get(), PCRE2_JIT_COMPLETE);  // without it all works, only slower
  program->kinds = std::move(kinds->of);
  for (char32_t c = 0; c < program->ascii.size(); ++c)
    program->ascii[c] = static_cast<char>(program->kinds[c]);
  return Regex(std::move(program));
}

bool Regex::find_all(std::string_view text, std::vector<Match>& matches) const {
  matches.clear();
  Searcher& with = searcher();
  program_->read(text, with);
  std::optional<std::size_t> last_end;
  bool done = true;
  for (std::size_t from = 0; from <= with.kinds.size();) {
    const int found = pcre2_match(program_->code.get(),
                                  reinterpret_cast<PCRE2_SPTR>(with.kinds.data()),
                                  with.kinds.size(),
                                  from,
                                  0,
                                  with.data.get(),
                                  with.context.get());
    if (found == PCRE2_ERROR_NOMATCH) break;
    done = found >= 0;
    if (!done) break;
    const PCRE2_SIZE* place = pcre2_get_ovector_pointer(with.data.get());
    if (place[0] == place[1] && last_end == place[1]) {
      ++from;
      continue;
    }
    matches.push_back({with.byte_of(place[0]), with.byte_of(place[1])});
    from = place[1];
    last_end = place[1];
  }
  if (with.kinds.capacity() > kMaxKept) {
    with.kinds = {};
    with.offsets = {};
  }
  return done;
}

bool Regex::may_be_empty() const {
  std::uint32_t empty = 0;
  pcre2_pattern_info(program_->code.get(), PCRE2_INFO_MATCHEMPTY, &empty);
  return empty != 0;
}

}  // namespace millrace::pipeline
