#include "pipeline/text/sourced_text.h"

#include "config/base/utf8.h"
#include "pipeline/text/unicode.h"
#include "pipeline/text/unicode_ranges.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

namespace millrace::pipeline {
namespace {

using unicode::Range;

bool holds(std::span<const Range> ranges, char32_t c) {
  const auto after =
      std::upper_bound(ranges.begin(), ranges.end(), c, [](char32_t value, const Range& range) {
        return value < range.first;
      });
  return after != ranges.begin() && c <= std::prev(after)->last;
}

const unicode::Decomposition* decomposition(char32_t c) {
  const auto all = unicode::decompositions();
  const auto found = std::lower_bound(
      all.begin(), all.end(), c, [](const unicode::Decomposition& row, char32_t value) {
        return row.from < value;
      });
  return found != all.end() && found->from == c ? &*found : nullptr;
}

template <typename Sink>
void decompose(char32_t c, Sink sink) {
  if (c >= kHangulFirst && c <= kHangulLast) return decompose_hangul(c, sink);
  const unicode::Decomposition* row = decomposition(c);
  if (row == nullptr) return sink(c);
  for (const char32_t part : row->to) {
    if (part != 0) sink(part);
  }
}

std::optional<char32_t> lower_of(char32_t c) {
  const auto all = unicode::lower_runs();
  const auto after =
      std::upper_bound(all.begin(), all.end(), c, [](char32_t value, const unicode::LowerRun& run) {
        return value < run.first;
      });
  if (after == all.begin()) return std::nullopt;
  const unicode::LowerRun& run = *std::prev(after);
  const bool member = c <= run.last && (c - run.first) % static_cast<char32_t>(run.step) == 0;
  if (!member) return std::nullopt;
  return static_cast<char32_t>(static_cast<std::int32_t>(c) + run.delta);
}

template <typename Sink>
void to_lower(char32_t c, Sink sink) {
  if (c < 0x80) return sink(c >= U'A' && c <= U'Z' ? c + (U'a' - U'A') : c);
  if (c == kDottedI) {
    sink(char32_t{'i'});
    return sink(char32_t{0x307});
  }
  sink(lower_of(c).value_or(c));
}

struct Part {
  char32_t code_point;
  std::uint8_t combining_class;
  bool first;  // of its source code point
};

void sort_marks(std::vector<Part>& parts) {
  const auto is_mark = [](const Part& part) { return part.combining_class != 0; };
  for (auto begin = parts.begin(); begin != parts.end();) {
    begin = std::find_if(begin, parts.end(), is_mark);
    const auto end = std::find_if_not(begin, parts.end(), is_mark);
    std::stable_sort(begin, end, [](const Part& a, const Part& b) {
      return a.combining_class < b.combining_class;
    });
    begin = end;
  }
}

bool is_ascii(const SourcedText& text) {
  return std::all_of(
      text.begin(), text.end(), [](const Sourced& c) { return c.code_point < 0x80; });
}

template <typename Sink>
void decompose_by_compatibility(char32_t c, Sink sink) {
  const std::u32string parts =
      c < 0x80 ? std::u32string() : unicode::compatibility_decomposition(c);
  if (parts.empty()) return decompose(c, sink);
  for (const char32_t part : parts) sink(part);
}

enum class Form : std::uint8_t { canonical, compatible };

/// The reference sorts the marks of a run, but where they came from follows the places.
std::vector<Change> decomposed(const SourcedText& text, Form form) {
  std::vector<Part> parts;
  parts.reserve(text.size());
  for (const Sourced& c : text) {
    bool first = true;
    const auto put = [&](char32_t part) {
      parts.push_back({part, combining_class(part), first});
      first = false;
    };
    if (form == Form::canonical) {
      decompose(c.code_point, put);
    } else {
      decompose_by_compatibility(c.code_point, put);
    }
  }
  sort_marks(parts);
  std::vector<Change> changes;
  changes.reserve(parts.size());
  for (const Part& part : parts) changes.push_back({part.code_point, part.first ? 0 : 1});
  return changes;
}

/// Puts together what can be, mark by mark (The Unicode Standard, 3.11). A code point that takes a
/// mark in stands for what both stood for.
std::vector<Change> recomposed(const std::vector<Change>& changes) {
  std::vector<Change> out;
  std::optional<std::size_t> starter;  // in `out`
  std::uint8_t last_class = 0;         // of the marks after the starter that stayed
  bool adjacent = false;               // nothing stayed after the starter
  for (const Change& change : changes) {
    const std::uint8_t mark = combining_class(change.code_point);
    if (starter && (adjacent || last_class < mark)) {
      if (const auto joined = unicode::compose(out[*starter].code_point, change.code_point)) {
        out[*starter] = {*joined, out[*starter].steps + change.steps - 1};
        continue;
      }
    }
    if (mark == 0) {
      starter = out.size();
      adjacent = true;
      last_class = 0;
    } else {
      adjacent = false;
      last_class = mark;
    }
    out.push_back(change);
  }
  return out;
}

}  // namespace

void read_sourced(std::string_view text, std::uint32_t first, SourcedText& out) {
  out.clear();
  while (!text.empty()) {
    const config::Decoded next = config::decode_utf8(text);
    out.push_back({next.code_point, first++});
    text.remove_prefix(next.length);
  }
}

SourcedText changed(const SourcedText& text, std::span<const Change> changes) {
  SourcedText out;
  out.reserve(changes.size());
  std::size_t next = 0;
  for (const Change& change : changes) {
    const std::size_t at = change.steps > 0 && next > 0 ? next - 1 : next;
    out.push_back({change.code_point, text[std::min(at, text.size() - 1)].origin});
    if (change.steps <= 0) next += 1 + static_cast<std::size_t>(-change.steps);
  }
  return out;
}

bool is_white_space(char32_t c) { return holds(unicode::white_space_ranges(), c); }

std::uint8_t combining_class(char32_t c) {
  const auto all = unicode::combining_classes();
  const auto after =
      std::upper_bound(all.begin(), all.end(), c, [](char32_t value, const unicode::ClassRun& run) {
        return value < run.first;
      });
  return after != all.begin() && c <= std::prev(after)->last ? std::prev(after)->combining_class
                                                             : std::uint8_t{0};
}

void clean(SourcedText& text) {
  std::erase_if(text,
                [](const Sourced& c) { return holds(unicode::control_ranges(), c.code_point); });
  for (Sourced& c : text) {
    if (holds(unicode::white_space_ranges(), c.code_point)) c.code_point = U' ';
  }
}

void put_spaces_around_chinese(SourcedText& text) {
  SourcedText out;
  for (const Sourced& c : text) {
    if (!holds(unicode::chinese_ranges(), c.code_point)) {
      out.push_back(c);
      continue;
    }
    out.insert(out.end(), {{U' ', c.origin}, c, {U' ', c.origin}});
  }
  text = std::move(out);
}

void decompose_canonically(SourcedText& text) {
  if (!is_ascii(text)) text = changed(text, decomposed(text, Form::canonical));
}

void decompose_compatibly(SourcedText& text) {
  if (!is_ascii(text)) text = changed(text, decomposed(text, Form::compatible));
}

void compose_canonically(SourcedText& text) {
  if (!is_ascii(text)) text = changed(text, recomposed(decomposed(text, Form::canonical)));
}

void compose_compatibly(SourcedText& text) {
  if (!is_ascii(text)) text = changed(text, recomposed(decomposed(text, Form::compatible)));
}

void drop_nonspacing_marks(SourcedText& text) {
  std::erase_if(text, [](const Sourced& c) {
    return holds(unicode::nonspacing_mark_ranges(), c.code_point);
  });
}

void drop_marks(SourcedText& text) {
  if (is_ascii(text)) return;
  std::erase_if(text, [](const Sourced& c) { return holds(unicode::mark_ranges(), c.code_point); });
}

void lower_case(SourcedText& text) {
  if (is_ascii(text)) {
    for (Sourced& c : text) to_lower(c.code_point, [&](char32_t lower) { c.code_point = lower; });
    return;
  }
  SourcedText out;
  for (const Sourced& c : text) {
    to_lower(c.code_point, [&](char32_t lower) { out.push_back({lower, c.origin}); });
  }
  text = std::move(out);
}

}  // namespace millrace::pipeline
