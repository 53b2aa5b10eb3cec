#include "pipeline/text/pre_tokenizer_steps.h"

#include "config/base/utf8.h"
#include "pipeline/text/byte_level.h"
#include "pipeline/text/byte_level_splitter.h"
#include "pipeline/text/pattern_classes.h"

#include <algorithm>
#include <optional>

namespace millrace::pipeline {
namespace {

using Steps = PreTokenizerSteps;
using Behavior = Steps::Behavior;
using Span = Words::Span;

/// A part of a word: a match, or what lies between two.
struct Part {
  std::size_t begin;
  std::size_t end;
  bool match;
};

/// Memory that calls of one thread use again.
struct Scratch {
  Words words;  // under way, where a step writes
  std::vector<Span> spans;
  std::vector<Part> parts;
  std::vector<Regex::Match> matches;
};

Scratch& scratch() {
  thread_local Scratch memory;
  return memory;
}

constexpr std::size_t kMaxKept = std::size_t{1} << 20;  // bytes of a text

void push_part(std::size_t begin, std::size_t end, bool match, std::vector<Part>& parts) {
  parts.push_back({begin, end, match});
}

/// Joins a match that does not follow a match to the part before it, which is the one after it
/// where the parts are read from the end.
template <typename Iterator, typename Join>
std::vector<Part> merged(Iterator from, Iterator to, Join join) {
  std::vector<Part> out;
  bool after_match = false;
  for (; from != to; ++from) {
    if (from->match && !after_match && !out.empty()) {
      join(out.back(), *from);
    } else {
      out.push_back(*from);
    }
    after_match = from->match;
  }
  return out;
}

std::vector<Part> contiguous(const std::vector<Part>& parts) {
  std::vector<Part> out;
  bool after_match = false;
  for (const Part& part : parts) {
    if (part.match == after_match && !out.empty()) {
      out.back().end = part.end;
    } else {
      out.push_back(part);
    }
    after_match = part.match;
  }
  return out;
}

/// Appends what a behavior leaves of the parts of a word.
void put_parts(std::vector<Part>& parts, Behavior behavior, std::vector<Span>& out) {
  switch (behavior) {
    case Behavior::removed:
      std::erase_if(parts, [](const Part& part) { return part.match; });
      break;
    case Behavior::isolated:
      break;
    case Behavior::merged_with_previous:
      parts = merged(parts.begin(), parts.end(), [](Part& before, const Part& match) {
        before.end = match.end;
      });
      break;
    case Behavior::merged_with_next:
      parts = merged(parts.rbegin(), parts.rend(), [](Part& after, const Part& match) {
        after.begin = match.begin;
      });
      std::reverse(parts.begin(), parts.end());
      break;
    case Behavior::contiguous:
      parts = contiguous(parts);
      break;
  }
  for (const Part& part : parts) {
    if (part.begin != part.end) out.push_back({part.begin, part.end});
  }
}

void find_text(std::string_view text, std::string_view wanted, std::vector<Regex::Match>& out) {
  out.clear();
  for (std::size_t at = text.find(wanted); at != std::string_view::npos;
       at = text.find(wanted, at + wanted.size()))
    out.push_back({at, at + wanted.size()});
}

bool cut(const Steps::Split& step, Words& words) {
  Scratch& memory = scratch();
  memory.spans.clear();
  for (const Span& span : words.spans) {
    const std::string_view text = words.text(span);
    if (const auto* regex = std::get_if<Regex>(&step.pattern)) {
      if (!regex->find_all(text, memory.matches)) return false;
    } else {
      find_text(text, std::get<std::string>(step.pattern), memory.matches);
    }
    memory.parts.clear();
    std::size_t last = 0;
    for (const Regex::Match& match : memory.matches) {
      if (last != match.begin)
        push_part(span.begin + last, span.begin + match.begin, step.inverted, memory.parts);
      push_part(span.begin + match.begin, span.begin + match.end, !step.inverted, memory.parts);
      last = match.end;
    }
    if (last != text.size()) push_part(span.begin + last, span.end, step.inverted, memory.parts);
    put_parts(memory.parts, step.behavior, memory.spans);
  }
  std::swap(words.spans, memory.spans);
  return true;
}

/// Calls `sink(begin, end, code_point)` with the place of each code point of a word.
template <typename Sink>
void each_code_point(const Words& words, Span span, Sink sink) {
  for (std::size_t at = span.begin; at < span.end;) {
    const config::Decoded next =
        config::decode_utf8(std::string_view(words.bytes).substr(at, span.end - at));
    sink(at, at + next.length, next.code_point);
    at += next.length;
  }
}

bool cut(const Steps::SplitAt& step, Words& words) {
  Scratch& memory = scratch();
  memory.spans.clear();
  for (const Span& span : words.spans) {
    memory.parts.clear();
    each_code_point(words, span, [&](std::size_t begin, std::size_t end, char32_t c) {
      const bool match = step.wanted[c] != 0;
      if (!match && !memory.parts.empty() && !memory.parts.back().match) {
        memory.parts.back().end = end;
      } else {
        push_part(begin, end, match, memory.parts);
      }
    });
    put_parts(memory.parts, step.behavior, memory.spans);
  }
  std::swap(words.spans, memory.spans);
  return true;
}

bool cut(const PreTokenizer& step, Words& words) {
  std::vector<Span>& out = scratch().spans;
  out.clear();
  for (const Span& span : words.spans) {
    step.split(words.text(span), [&](std::size_t begin, std::size_t end) {
      out.push_back({span.begin + begin, span.begin + end});
      return true;
    });
  }
  std::swap(words.spans, out);
  return true;
}

const CodePointMap<std::uint8_t>& scripts() {
  static const CodePointMap<std::uint8_t> map = [] {
    CodePointMap<std::uint8_t> made(0);
    for (const unicode::ScriptRun& run : unicode::script_runs())
      made.set(run.first, run.last, run.script);
    return made;
  }();
  return map;
}

/// What stands before the first character that has a script is lost, as in the reference.
bool cut(Steps::UnicodeScripts /*step*/, Words& words) {
  constexpr std::uint8_t kAny = 0;
  std::vector<Span>& out = scratch().spans;
  out.clear();
  for (const Span& span : words.spans) {
    std::uint8_t last = kAny;
    each_code_point(words, span, [&](std::size_t begin, std::size_t /*end*/, char32_t c) {
      const std::uint8_t script = scripts()[c];
      if (script == kAny || script == last) return;
      if (last != kAny) out.back().end = begin;
      out.push_back({begin, span.end});
      last = script;
    });
  }
  std::swap(words.spans, out);
  return true;
}

bool cut(const Steps::FixedLength& step, Words& words) {
  std::vector<Span>& out = scratch().spans;
  out.clear();
  for (const Span& span : words.spans) {
    std::size_t count = 0;
    each_code_point(words, span, [&](std::size_t begin, std::size_t end, char32_t /*c*/) {
      if (count++ % step.length == 0) out.push_back({begin, end});
      out.back().end = end;
    });
  }
  std::swap(words.spans, out);
  return true;
}

/// A text that is written anew, word by word.
class Writer {
 public:
  explicit Writer(Words& words) : words_(words), out_(scratch().words) {
    out_.bytes.clear();
    out_.origin.clear();
    out_.spans.clear();
  }

  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  ~Writer() { std::swap(words_, out_); }

  void begin_word() { begin_ = out_.bytes.size(); }

  void put(std::string_view bytes, std::uint32_t origin) {
    out_.bytes += bytes;
    out_.origin.resize(out_.bytes.size(), origin);
  }

  /// Ends a word, unless it is empty, and begins another.
  void end_word() {
    if (out_.bytes.size() != begin_) out_.spans.push_back({begin_, out_.bytes.size()});
    begin_word();
  }

 private:
  Words& words_;
  Words& out_;
  std::size_t begin_ = 0;
};

bool cut(const MetaspaceSpec& step, Words& words) {
  using Prepends = MetaspaceSpec::Prepends;
  const std::string_view mark = step.replacement;
  Writer out(words);
  for (const Span& span : words.spans) {
    const std::string_view text = words.text(span);
    const bool wanted = step.prepends == Prepends::always ||
                        (step.prepends == Prepends::first && words.origin[span.begin] == 0);
    out.begin_word();
    bool empty = true;
    const auto put = [&](std::string_view bytes, std::uint32_t origin) {
      if (step.splits && !empty && bytes == mark) out.end_word();
      out.put(bytes, origin);
      empty = false;
    };
    if (wanted && text[0] != ' ' && !text.starts_with(mark)) put(mark, words.origin[span.begin]);
    each_code_point(words, span, [&](std::size_t begin, std::size_t end, char32_t c) {
      put(c == U' ' ? mark : text.substr(begin - span.begin, end - begin), words.origin[begin]);
    });
    out.end_word();
  }
  return true;
}

void add_prefix_spaces(Words& words) {
  Writer out(words);
  for (const Span& span : words.spans) {
    out.begin_word();
    if (words.bytes[span.begin] != ' ') out.put(" ", words.origin[span.begin]);
    for (std::size_t at = span.begin; at < span.end; ++at)
      out.put(std::string_view(words.bytes).substr(at, 1), words.origin[at]);
    out.end_word();
  }
}

void split_as_gpt2(Words& words) {
  static const ByteLevelSplitter splitter;
  std::vector<Span>& out = scratch().spans;
  out.clear();
  for (const Span& span : words.spans) {
    splitter.split(words.text(span), [&](std::size_t begin, std::size_t end) {
      out.push_back({span.begin + begin, span.begin + end});
      return true;
    });
  }
  std::swap(words.spans, out);
}

void write_bytes(Words& words) {
  Writer out(words);
  std::string character;
  for (const Span& span : words.spans) {
    out.begin_word();
    for (std::size_t at = span.begin; at < span.end; ++at) {
      character.clear();
      config::append_utf8(byte_character(static_cast<std::uint8_t>(words.bytes[at])), character);
      out.put(character, words.origin[at]);
    }
    out.end_word();
  }
}

bool cut(const Steps::ByteLevel& step, Words& words) {
  if (step.adds_prefix_space) add_prefix_spaces(words);
  if (step.splits) split_as_gpt2(words);
  return true;
}

}  // namespace

PreTokenizerSteps::PreTokenizerSteps(std::vector<Step> steps, LastBytes last_bytes)
    : last_bytes_(last_bytes) {
  std::vector<PreTokenizer::Step> simple;
  const auto flush = [&] {
    if (!simple.empty()) steps_.emplace_back(PreTokenizer(simple));
    simple.clear();
  };
  for (Step& step : steps) {
    if (const auto* one = std::get_if<PreTokenizer::Step>(&step)) {
      simple.push_back(*one);
      continue;
    }
    flush();
    std::visit(
        [&](auto& known) {
          if constexpr (!std::is_same_v<std::decay_t<decltype(known)>, PreTokenizer::Step>)
            steps_.emplace_back(std::move(known));
        },
        step);
  }
  flush();
}

bool PreTokenizerSteps::split(std::string_view text,
                              std::span<const std::uint32_t> origin,
                              Words& out) const {
  out.bytes.assign(text);
  out.origin.assign(origin.begin(), origin.end());
  out.spans.clear();
  if (!text.empty()) out.spans.push_back({0, text.size()});
  bool done = true;
  for (std::size_t i = 0; i < steps_.size() && done; ++i) {
    done = std::visit([&](const auto& step) { return cut(step, out); }, steps_[i]);
    const bool writes = i + 1 < steps_.size() || last_bytes_ == LastBytes::written;
    if (writes && std::holds_alternative<ByteLevel>(steps_[i])) write_bytes(out);
  }
  Scratch& memory = scratch();
  if (memory.words.bytes.capacity() + out.bytes.capacity() > kMaxKept) memory = Scratch();
  return done;
}

}  // namespace millrace::pipeline
