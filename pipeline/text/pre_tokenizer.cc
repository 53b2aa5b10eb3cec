#include "pipeline/text/pre_tokenizer.h"

#include "pipeline/text/unicode_ranges.h"

#include <span>

namespace millrace::pipeline {
namespace {

using unicode::Range;

// Steps that part words from words or numbers from the rest each own one bit of the group, so that
// two code points stay together only when every step lets them.
constexpr std::uint8_t kWordBit = 4;
constexpr std::uint8_t kNumberBit = 8;

template <typename Change>
void change(CodePointMap<std::uint8_t>& map, std::span<const Range> ranges, Change to) {
  for (const Range& range : ranges) {
    for (char32_t c = range.first; c <= range.last; ++c) map.set(c, to(map[c]));
  }
}

}  // namespace

PreTokenizer::PreTokenizer(const std::vector<Step>& steps) {
  for (const Step step : steps) apply(step);
  for (std::size_t c = 0; c < ascii_.size(); ++c) ascii_[c] = groups_[static_cast<char32_t>(c)];
}

void PreTokenizer::apply(Step step) {
  const auto remove = [](Group) { return kSpace; };
  const auto isolate = [](Group group) { return group == kSpace ? kSpace : kAlone; };
  const auto part_by = [](std::uint8_t bit) {
    return [bit](Group group) {
      return group < kFirstGroup ? group : static_cast<Group>(group | bit);
    };
  };
  switch (step) {
    case Step::bert:
      change(groups_, unicode::white_space_ranges(), remove);
      change(groups_, unicode::punctuation_ranges(), isolate);
      return;
    case Step::whitespace:
      change(groups_, unicode::white_space_ranges(), remove);
      change(groups_, unicode::word_ranges(), part_by(kWordBit));
      return;
    case Step::whitespace_split:
      change(groups_, unicode::white_space_ranges(), remove);
      return;
    case Step::punctuation:
      change(groups_, unicode::punctuation_ranges(), isolate);
      return;
    case Step::digits:
      change(groups_, unicode::numeric_ranges(), part_by(kNumberBit));
      return;
    case Step::single_digits:
      change(groups_, unicode::numeric_ranges(), isolate);
      return;
  }
}

}  // namespace millrace::pipeline
