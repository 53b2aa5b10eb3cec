#include "pipeline/text/byte_level_splitter.h"

#include "config/base/utf8.h"
#include "pipeline/text/unicode_ranges.h"

#include <array>
#include <span>

namespace millrace::pipeline {
namespace {

constexpr std::array<std::string_view, 7> kContractions = {
    "'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};

}  // namespace

ByteLevelSplitter::ByteLevelSplitter() {
  const auto fill = [this](std::span<const unicode::Range> ranges, Class value) {
    for (const unicode::Range& range : ranges) {
      for (char32_t c = range.first; c <= range.last; ++c) classes_.set(c, value);
    }
  };
  fill(unicode::pattern_letter_ranges(), Class::letter);
  fill(unicode::pattern_number_ranges(), Class::number);
  fill(unicode::pattern_space_ranges(), Class::space);
  for (char32_t c = 0; c < ascii_.size(); ++c) ascii_[c] = classes_[c];
}

std::size_t ByteLevelSplitter::run(std::string_view text, Class wanted) const {
  std::size_t length = 0;
  while (length < text.size()) {
    const auto byte = static_cast<unsigned char>(text[length]);
    if (byte < ascii_.size()) {
      if (ascii_[byte] != wanted) break;
      ++length;
      continue;
    }
    const config::Decoded next = config::decode_utf8(text.substr(length));
    if (classes_[next.code_point] != wanted) break;
    length += next.length;
  }
  return length;
}

/// White space, but for its last character where something follows that can take it.
std::size_t ByteLevelSplitter::space_run(std::string_view text) const {
  std::size_t length = 0;
  std::size_t last = 0;
  while (length < text.size()) {
    const config::Decoded next = config::decode_utf8(text.substr(length));
    if (classes_[next.code_point] != Class::space) break;
    last = next.length;
    length += next.length;
  }
  return length == text.size() || length == last ? length : length - last;
}

std::size_t ByteLevelSplitter::first_word(std::string_view text) const {
  if (text[0] == '\'') {
    for (const std::string_view contraction : kContractions) {
      if (text.starts_with(contraction)) return contraction.size();
    }
  }
  const std::size_t skip = text[0] == ' ' && text.size() > 1 ? 1 : 0;
  const Class first = classes_[config::decode_utf8(text.substr(skip)).code_point];
  if (first == Class::space) return space_run(text);
  return skip + run(text.substr(skip), first);
}

}  // namespace millrace::pipeline
