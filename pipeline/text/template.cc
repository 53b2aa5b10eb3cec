#include "pipeline/text/template.h"

#include "config/base/utf8.h"
#include "pipeline/text/unicode_ranges.h"

#include <algorithm>
#include <array>
#include <utility>

namespace millrace::pipeline {
namespace {

/// Which window of each text an encoding shows.
using Choice = std::array<std::size_t, 2>;

std::size_t count_specials(const std::vector<TemplatePiece>& pieces) {
  std::size_t count = 0;
  for (const TemplatePiece& piece : pieces) count += piece.special_ids.size();
  return count;
}

class Assembly {
 public:
  Assembly(const Template& owner,
           const std::vector<TemplatePiece>& pieces,
           std::array<const Tokens*, 2> texts,
           const Windows& windows,
           const EncodeOptions& options)
      : owner_(owner),
        pieces_(pieces),
        texts_(texts),
        windows_{&windows.first, &windows.second},
        options_(options) {}

  Encoding build(Choice choice) const {
    Encoding out;
    reserve(choice, out);
    for (const TemplatePiece& piece : pieces_) {
      if (piece.text < 0) {
        if (options_.add_special_tokens) append_specials(piece, out);
        continue;
      }
      const auto text = static_cast<std::size_t>(piece.text);
      // The reference gives the template's type ids to first windows only; further ones keep the
      // number of the text.
      const std::int32_t type_id =
          choice[text] == 0 || piece.everywhere ? piece.type_id : piece.text;
      append_text(*texts_[text], (*windows_[text])[choice[text]], piece.text, type_id, out);
    }
    return out;
  }

  /// All other combinations of windows, in the order in which the reference merges its encodings:
  /// the text that the template names first turns slowest, and its first window comes last.
  std::vector<Encoding> build_others() const {
    const std::size_t outer = first_text();
    const std::size_t inner = 1 - outer;
    std::vector<Encoding> out;
    const auto add = [&](std::size_t outer_window, std::size_t inner_window) {
      Choice choice{};
      choice[outer] = outer_window;
      choice[inner] = inner_window;
      out.push_back(build(choice));
    };
    for (std::size_t i = 1; i < windows_[outer]->size(); ++i) {
      for (std::size_t j = 0; j < windows_[inner]->size(); ++j) add(i, j);
    }
    for (std::size_t j = 1; j < windows_[inner]->size(); ++j) add(0, j);
    return out;
  }

 private:
  /// The text that the template names first.
  std::size_t first_text() const {
    for (const TemplatePiece& piece : pieces_) {
      if (piece.text >= 0) return static_cast<std::size_t>(piece.text);
    }
    return 0;
  }

  void reserve(Choice choice, Encoding& out) const {
    std::size_t size = options_.add_special_tokens ? count_specials(pieces_) : 0;
    for (std::size_t text = 0; text < 2; ++text) size += (*windows_[text])[choice[text]].size();
    out.ids.reserve(size);
    out.type_ids.reserve(size);
    if (!options_.want_offsets) return;
    out.offsets.reserve(size);
    out.special_mask.reserve(size);
    out.sequence.reserve(size);
    out.words.reserve(size);
  }

  void append_specials(const TemplatePiece& piece, Encoding& out) const {
    const std::size_t size = out.ids.size() + piece.special_ids.size();
    out.ids.insert(out.ids.end(), piece.special_ids.begin(), piece.special_ids.end());
    out.type_ids.resize(size, piece.type_id);
    if (!options_.want_offsets) return;
    out.offsets.resize(size);
    out.special_mask.resize(size, 1);
    out.sequence.resize(size, -1);
    out.words.resize(size, -1);
  }

  void append_text(const Tokens& tokens,
                   Window window,
                   std::int32_t text,
                   std::int32_t type_id,
                   Encoding& out) const {
    const auto append = [&](const auto& from, auto& to) {
      const auto begin = from.begin() + static_cast<std::ptrdiff_t>(window.begin);
      to.insert(to.end(), begin, begin + static_cast<std::ptrdiff_t>(window.size()));
    };
    append(tokens.ids, out.ids);
    const std::size_t size = out.ids.size();
    out.type_ids.resize(size, type_id);
    if (!options_.want_offsets) return;
    append(tokens.offsets, out.offsets);
    if (owner_.trims_offsets())
      owner_.trim_window(std::span(tokens.trims).subspan(window.begin, window.size()),
                         std::span(out.offsets).last(window.size()));
    append(tokens.words, out.words);
    out.special_mask.resize(size, 0);
    out.sequence.resize(size, text);
  }

  const Template& owner_;
  const std::vector<TemplatePiece>& pieces_;
  std::array<const Tokens*, 2> texts_;
  std::array<const std::vector<Window>*, 2> windows_;
  const EncodeOptions& options_;
};

bool is_trimmed(char32_t c) {
  constexpr char32_t kByteLevelSpace = 0x120;
  const auto spaces = unicode::white_space_ranges();
  return c == kByteLevelSpace || std::any_of(spaces.begin(), spaces.end(), [c](const auto& range) {
           return range.first <= c && c <= range.last;
         });
}

void trim(Trim by, bool keeps_first, Offset& offset) {
  // A single space may be the one that was put before the text, and that has no width.
  if (by.leading > 1 || (by.leading == 1 && !keeps_first))
    offset.begin = std::min(offset.begin + by.leading, offset.end);
  if (by.trailing > 0 && offset.end >= by.trailing) {
    offset.end = std::max(offset.end - by.trailing, offset.begin);
  }
}

}  // namespace

Trim Template::trim_of(std::string_view token) {
  Trim found;
  bool leading = true;
  while (!token.empty()) {
    const config::Decoded next = config::decode_utf8(token);
    const bool space = is_trimmed(next.code_point);
    leading = leading && space;
    if (leading) ++found.leading;
    found.trailing = space ? found.trailing + 1 : 0;
    token.remove_prefix(next.length);
  }
  return found;
}

void Template::trim_window(std::span<const Trim> trims, std::span<Offset> offsets) const {
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    const bool first = i == 0 || offsets[i].begin == 0;
    trim(trims[i], first && adds_prefix_space_, offsets[i]);
  }
}

Template::Template(std::vector<TemplatePiece> single, std::vector<TemplatePiece> pair)
    : single_(std::move(single)), pair_(std::move(pair)) {}

std::size_t Template::special_tokens(bool pair) const {
  return count_specials(pair ? pair_ : single_);
}

Encoding Template::apply(const Tokens& first,
                         const Tokens* second,
                         const Windows& windows,
                         const EncodeOptions& options) const {
  const Assembly assembly(
      *this, second != nullptr ? pair_ : single_, {&first, second}, windows, options);
  Encoding out = assembly.build({0, 0});
  out.truncated = windows.truncated();
  if (options.want_overflow && out.truncated) out.overflowing = assembly.build_others();
  return out;
}

}  // namespace millrace::pipeline
