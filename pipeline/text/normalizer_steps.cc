#include "pipeline/text/normalizer_steps.h"

#include "config/base/utf8.h"
#include "pipeline/text/byte_level.h"

#include <algorithm>
#include <type_traits>

namespace millrace::pipeline {
namespace {

using Steps = NormalizerSteps;

/// Puts `content` in the place of `count` code points from `at` on; it comes from the last of them.
void put(const SourcedText& text,
         std::size_t at,
         std::size_t count,
         const std::u32string& content,
         SourcedText& out) {
  for (const char32_t c : content) out.push_back({c, text[at + count - 1].origin});
}

void apply(const Charsmap& map, SourcedText& text) { map.apply(text); }

void apply(const Steps::Strip& step, SourcedText& text) {
  const auto stays = [](const Sourced& c) { return !is_white_space(c.code_point); };
  if (step.right) text.erase(std::find_if(text.rbegin(), text.rend(), stays).base(), text.end());
  if (step.left) text.erase(text.begin(), std::find_if(text.begin(), text.end(), stays));
}

void apply(const Steps::Replace& step, SourcedText& text) {
  const auto same = [](const Sourced& c, char32_t wanted) { return c.code_point == wanted; };
  SourcedText out;
  for (auto at = text.begin();;) {
    const auto found = std::search(at, text.end(), step.pattern.begin(), step.pattern.end(), same);
    out.insert(out.end(), at, found);
    if (found == text.end()) break;
    const auto begin = static_cast<std::size_t>(found - text.begin());
    put(text, begin, step.pattern.size(), step.content, out);
    at = found + static_cast<std::ptrdiff_t>(step.pattern.size());
  }
  text = std::move(out);
}

void apply(const NormalizerOptions& bert, SourcedText& text) {
  if (bert.clean_text) clean(text);
  if (bert.handle_chinese_chars) put_spaces_around_chinese(text);
  if (bert.strip_accents) {
    decompose_canonically(text);
    drop_nonspacing_marks(text);
  }
  if (bert.lowercase) lower_case(text);
}

bool apply(const Steps::ReplaceMatches& step, SourcedText& text) {
  std::string bytes;
  for (const Sourced& c : text) config::append_utf8(c.code_point, bytes);
  std::vector<Regex::Match> matches;
  if (!step.pattern.find_all(bytes, matches)) return false;
  SourcedText out;
  std::size_t at = 0;  // in `text`
  const auto count = [&](std::size_t begin, std::size_t end) {
    return config::count_code_points(std::string_view(bytes).substr(begin, end - begin));
  };
  const auto copy = [&](std::size_t code_points) {
    const auto begin = text.begin() + static_cast<std::ptrdiff_t>(at);
    out.insert(out.end(), begin, begin + static_cast<std::ptrdiff_t>(code_points));
    at += code_points;
  };
  std::size_t last = 0;
  for (const Regex::Match& match : matches) {
    copy(count(last, match.begin));
    const std::size_t size = count(match.begin, match.end);
    put(text, at, size, step.content, out);
    at += size;
    last = match.end;
  }
  copy(text.size() - at);
  text = std::move(out);
  return true;
}

void apply(Steps::ByteLevel /*step*/, SourcedText& text) {
  SourcedText out;
  std::string bytes;
  for (const Sourced& c : text) {
    bytes.clear();
    config::append_utf8(c.code_point, bytes);
    for (const char byte : bytes)
      out.push_back({byte_character(static_cast<std::uint8_t>(byte)), c.origin});
  }
  text = std::move(out);
}

void apply(const Steps::ReplaceSpaces& step, SourcedText& text) {
  SourcedText out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    while (end < text.size() && text[end].code_point == U' ') ++end;
    if (end - at >= 2) {
      put(text, at, end - at, step.content, out);
      at = end;
    } else {
      out.push_back(text[at++]);
    }
  }
  text = std::move(out);
}

void apply(const Steps::Prepend& step, SourcedText& text) {
  if (text.empty()) return;
  SourcedText before;
  put(text, 0, 1, step.content, before);
  text.insert(text.begin(), before.begin(), before.end());
}

void apply(Steps::Decompose /*step*/, SourcedText& text) { decompose_canonically(text); }

void apply(Steps::DecomposeCompatibly /*step*/, SourcedText& text) { decompose_compatibly(text); }

void apply(Steps::Compose /*step*/, SourcedText& text) { compose_canonically(text); }

void apply(Steps::ComposeCompatibly /*step*/, SourcedText& text) { compose_compatibly(text); }

void apply(Steps::StripAccents /*step*/, SourcedText& text) { drop_marks(text); }

void apply(Steps::Lowercase /*step*/, SourcedText& text) { lower_case(text); }

bool nmt_drops(char32_t c) {
  return (c >= 0x1 && c <= 0x8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F ||
         c == 0x9F;
}

bool nmt_is_space(char32_t c) {
  return c == 0x9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 ||
         (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF ||
         c == 0xFFFD;
}

void apply(Steps::Nmt /*step*/, SourcedText& text) {
  std::erase_if(text, [](const Sourced& c) { return nmt_drops(c.code_point); });
  for (Sourced& c : text) {
    if (nmt_is_space(c.code_point)) c.code_point = U' ';
  }
}

/// Memory that calls of one thread use again.
SourcedText& scratch() {
  thread_local SourcedText text;
  return text;
}

constexpr std::size_t kMaxKept = std::size_t{1} << 18;  // code points

}  // namespace

bool NormalizerSteps::normalize(std::string_view text, std::uint32_t first, Normalized& out) const {
  SourcedText& now = scratch();
  read_sourced(text, first, now);
  bool done = true;
  const auto take = [&](const auto& step) {
    if constexpr (std::is_same_v<std::decay_t<decltype(step)>, ReplaceMatches>) {
      done = apply(step, now);
    } else {
      apply(step, now);
    }
  };
  for (std::size_t i = 0; i < steps_.size() && done; ++i) std::visit(take, steps_[i]);
  write_normalized(now, out);
  if (now.capacity() > kMaxKept) now = SourcedText();
  return done;
}

}  // namespace millrace::pipeline
