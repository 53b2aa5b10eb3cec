#include "pipeline/text/normalizer.h"

#include "config/base/utf8.h"
#include "pipeline/text/sourced_text.h"
#include "pipeline/text/unicode_ranges.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>

// BertNormalizer treats nearly every code point alone, so a table made at load answers "what
// becomes of it" at once: it stays, it goes, it is replaced by a few bytes, it gets spaces around
// it. One thing needs its neighbours: NFD sorts the combining marks of a run by their class. Most
// marks are dropped right after, so the order cannot be seen. A few stay (U+302E, a Hangul tone
// mark, is not "non-spacing"); a text with one of them takes the slow way, step by step.

namespace millrace::pipeline {
namespace {

using unicode::Range;

// The longest growth: U+1D160 … are 4 bytes and become 12; with spaces or a longer lower case never
// beyond this.
constexpr std::size_t kMaxGrowth = 4;

void grow(std::size_t bytes, Origins origins, Normalized& out) {
  if (out.bytes.size() < bytes) out.bytes.resize(bytes);
  if (origins == Origins::track && out.origin.size() < bytes) out.origin.resize(bytes);
}

/// Makes room for whatever may become of a text.
void reserve_for(std::string_view text, Origins origins, Normalized& out) {
  const std::size_t most = text.size() * kMaxGrowth + 1;
  const bool enough =
      out.bytes.size() >= most && (origins == Origins::skip || out.origin.size() >= most);
  if (enough) return;
  // ASCII never grows, so a large text is only counted when it does not fit anyhow.
  const auto others = static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0x80U) != 0;
  }));
  grow(text.size() + others * (kMaxGrowth - 1) + 1, origins, out);
}

std::size_t put_utf8(char32_t c, char* out) {
  const auto byte = [](char32_t value) {
    return static_cast<char>(static_cast<unsigned char>(value));
  };
  if (c < 0x80) {
    out[0] = byte(c);
    return 1;
  }
  if (c < 0x800) {
    out[0] = byte(0xC0 | (c >> 6));
    out[1] = byte(0x80 | (c & 0x3F));
    return 2;
  }
  if (c < 0x10000) {
    out[0] = byte(0xE0 | (c >> 12));
    out[1] = byte(0x80 | ((c >> 6) & 0x3F));
    out[2] = byte(0x80 | (c & 0x3F));
    return 3;
  }
  out[0] = byte(0xF0 | (c >> 18));
  out[1] = byte(0x80 | ((c >> 12) & 0x3F));
  out[2] = byte(0x80 | ((c >> 6) & 0x3F));
  out[3] = byte(0x80 | (c & 0x3F));
  return 4;
}

}  // namespace

Normalizer::Normalizer(const NormalizerOptions& options) : options_(options) {
  plan_ranges();
  plan_ascii();
}

void Normalizer::plan_ranges() {
  const auto each = [this](std::span<const Range> ranges) {
    for (const Range& range : ranges) {
      for (char32_t c = range.first; c <= range.last; ++c) plan(c);
    }
  };
  if (options_.handle_chinese_chars) {
    for (const Range& range : unicode::chinese_ranges()) {
      actions_.set(range.first, range.last, {.kind = Kind::space_around});
    }
  }
  if (options_.strip_accents) {
    actions_.set(kHangulFirst, kHangulLast, {.kind = Kind::hangul});
    for (const auto& row : unicode::decompositions()) plan(row.from);
    each(unicode::nonspacing_mark_ranges());
    for (const auto& run : unicode::combining_classes()) {
      for (char32_t c = run.first; c <= run.last; ++c) plan(c);
    }
  }
  if (options_.lowercase) {
    plan(kDottedI);
    for (const auto& run : unicode::lower_runs()) {
      for (char32_t c = run.first; c <= run.last; c += static_cast<char32_t>(run.step)) plan(c);
    }
  }
  if (options_.clean_text) {
    each(unicode::white_space_ranges());
    for (const Range& range : unicode::control_ranges()) {
      actions_.set(range.first, range.last, {.kind = Kind::drop});
    }
  }
}

/// Takes the steps for one code point and notes the outcome.
void Normalizer::plan(char32_t code_point) {
  SourcedText text{{code_point, 0}};
  if (options_.clean_text) clean(text);
  if (options_.handle_chinese_chars) put_spaces_around_chinese(text);
  if (options_.strip_accents) {
    decompose_canonically(text);
    drop_nonspacing_marks(text);
    const bool mark_stays = std::any_of(text.begin(), text.end(), [](const Sourced& c) {
      return combining_class(c.code_point) != 0;
    });
    if (mark_stays) return actions_.set(code_point, {.kind = Kind::in_steps});
  }
  if (options_.lowercase) lower_case(text);
  if (text.empty()) return actions_.set(code_point, {.kind = Kind::drop});
  if (text.size() == 1 && text[0].code_point == code_point) return;
  std::string bytes;
  for (const Sourced& c : text) config::append_utf8(c.code_point, bytes);
  actions_.set(code_point,
               {.kind = Kind::replace,
                .length = static_cast<std::uint8_t>(bytes.size()),
                .place = static_cast<std::uint32_t>(replacements_.size())});
  replacements_ += bytes;
}

void Normalizer::plan_ascii() {
  for (std::size_t c = 0; c < ascii_.size(); ++c) {
    const Action action = actions_[static_cast<char32_t>(c)];
    ascii_kept_[c] = action.kind == Kind::drop ? 0 : 1;
    ascii_[c] = action.kind == Kind::replace ? replacements_[action.place] : static_cast<char>(c);
  }
}

template <Origins origins>
bool Normalizer::normalize_fast(std::string_view text, std::uint32_t first, Normalized& out) const {
  char* bytes = out.bytes.data();
  std::uint32_t* origin = out.origin.data();
  std::size_t size = 0;
  const auto put = [&](const char* from, std::size_t length, std::uint32_t source) {
    std::memcpy(bytes + size, from, length);
    if constexpr (origins == Origins::track) std::fill_n(origin + size, length, source);
    size += length;
  };
  std::uint32_t source = first;
  for (std::size_t i = 0; i < text.size(); ++source) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      bytes[size] = ascii_[c];
      if constexpr (origins == Origins::track) origin[size] = source;
      size += ascii_kept_[c];
      ++i;
      continue;
    }
    const config::Decoded next = config::decode_utf8(text.substr(i));
    const Action action = actions_[next.code_point];
    switch (action.kind) {
      case Kind::keep:
        put(&text[i], next.length, source);
        break;
      case Kind::drop:
        break;
      case Kind::space_around:
        put(" ", 1, source);
        put(&text[i], next.length, source);
        put(" ", 1, source);
        break;
      case Kind::replace:
        put(&replacements_[action.place], action.length, source);
        break;
      case Kind::hangul:
        decompose_hangul(next.code_point, [&](char32_t part) {
          std::array<char, 4> buffer{};
          put(buffer.data(), put_utf8(part, buffer.data()), source);
        });
        break;
      case Kind::in_steps:
        return false;
    }
    i += next.length;
  }
  out.size = size;
  return true;
}

void write_normalized(const SourcedText& text, Normalized& out) {
  grow(text.size() * 4, Origins::track, out);
  out.size = 0;
  for (const Sourced& c : text) {
    const std::size_t length = put_utf8(c.code_point, out.bytes.data() + out.size);
    std::fill_n(out.origin.begin() + static_cast<std::ptrdiff_t>(out.size), length, c.origin);
    out.size += length;
  }
}

void Normalizer::normalize(std::string_view text,
                           std::uint32_t first,
                           Origins origins,
                           Normalized& out) const {
  reserve_for(text, origins, out);
  const bool done = origins == Origins::track ? normalize_fast<Origins::track>(text, first, out)
                                              : normalize_fast<Origins::skip>(text, first, out);
  if (!done) normalize_in_steps(text, first, out);
}

void Normalizer::normalize_in_steps(std::string_view text,
                                    std::uint32_t first,
                                    Normalized& out) const {
  SourcedText steps;
  read_sourced(text, first, steps);
  if (options_.clean_text) clean(steps);
  if (options_.handle_chinese_chars) put_spaces_around_chinese(steps);
  if (options_.strip_accents) {
    decompose_canonically(steps);
    drop_nonspacing_marks(steps);
  }
  if (options_.lowercase) lower_case(steps);
  write_normalized(steps, out);
}

}  // namespace millrace::pipeline
