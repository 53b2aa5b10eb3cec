#include "pipeline/text/unicode.h"

#include <array>

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/utf16.h>

namespace millrace::pipeline::unicode {
namespace {

// The reference decomposes what Unicode 11 knows, and nothing that came later.
constexpr uint8_t kLastVersion = 11;

bool is_newer(char32_t c) {
  UVersionInfo age{};
  u_charAge(static_cast<UChar32>(c), age);
  return age[0] > kLastVersion;
}

UGraphemeClusterBreak break_of(char32_t c) {
  return static_cast<UGraphemeClusterBreak>(
      u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_GRAPHEME_CLUSTER_BREAK));
}

bool is_control(UGraphemeClusterBreak kind) {
  return kind == U_GCB_CONTROL || kind == U_GCB_CR || kind == U_GCB_LF;
}

bool is_pictographic(char32_t c) {
  return u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_EXTENDED_PICTOGRAPHIC) != 0;
}

bool joins_hangul(UGraphemeClusterBreak left, UGraphemeClusterBreak right) {
  switch (left) {
    case U_GCB_L:
      return right == U_GCB_L || right == U_GCB_V || right == U_GCB_LV || right == U_GCB_LVT;
    case U_GCB_LV:
    case U_GCB_V:
      return right == U_GCB_V || right == U_GCB_T;
    case U_GCB_LVT:
    case U_GCB_T:
      return right == U_GCB_T;
    default:
      return false;
  }
}

}  // namespace

std::size_t grapheme_length(std::span<const Sourced> text) {
  UGraphemeClusterBreak left = break_of(text[0].code_point);
  bool emoji = is_pictographic(text[0].code_point);  // then only Extend followed
  bool emoji_and_joiner = false;
  std::size_t flags = left == U_GCB_REGIONAL_INDICATOR ? 1 : 0;
  for (std::size_t i = 1; i < text.size(); ++i) {
    const char32_t c = text[i].code_point;
    const UGraphemeClusterBreak right = break_of(c);
    if (left == U_GCB_CR && right == U_GCB_LF) return i + 1;
    if (is_control(left) || is_control(right)) return i;
    const bool pictographic = is_pictographic(c);
    const bool joined = joins_hangul(left, right) || right == U_GCB_EXTEND || right == U_GCB_ZWJ ||
                        right == U_GCB_SPACING_MARK || left == U_GCB_PREPEND ||
                        (emoji_and_joiner && pictographic) ||
                        (right == U_GCB_REGIONAL_INDICATOR && flags % 2 == 1);
    if (!joined) return i;
    emoji_and_joiner = emoji && right == U_GCB_ZWJ;
    emoji = pictographic || (emoji && right == U_GCB_EXTEND);
    flags = right == U_GCB_REGIONAL_INDICATOR ? flags + 1 : 0;
    left = right;
  }
  return text.size();
}

bool is_digit(char32_t c) {
  const int32_t type = u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_NUMERIC_TYPE);
  return type == U_NT_DECIMAL || type == U_NT_DIGIT;
}

std::optional<char32_t> compose(char32_t first, char32_t second) {
  UErrorCode status = U_ZERO_ERROR;
  const UNormalizer2* form = unorm2_getNFCInstance(&status);
  if (U_FAILURE(status) != 0) return std::nullopt;
  const UChar32 joined =
      unorm2_composePair(form, static_cast<UChar32>(first), static_cast<UChar32>(second));
  if (joined < 0 || is_newer(static_cast<char32_t>(joined))) return std::nullopt;
  return static_cast<char32_t>(joined);
}

std::u32string compatibility_decomposition(char32_t c) {
  if (is_newer(c)) return {};
  UErrorCode status = U_ZERO_ERROR;
  const UNormalizer2* form = unorm2_getNFKDInstance(&status);
  std::array<UChar, 64> units{};  // the longest, U+FDFA, has 18
  const int32_t size = unorm2_getDecomposition(
      form, static_cast<UChar32>(c), units.data(), static_cast<int32_t>(units.size()), &status);
  std::u32string out;
  if (U_FAILURE(status) != 0) return out;
  for (int32_t at = 0; at < size;) {
    UChar32 next = 0;
    U16_NEXT(units.data(), at, size, next);
    out += static_cast<char32_t>(next);
  }
  return out;
}

}  // namespace millrace::pipeline::unicode
