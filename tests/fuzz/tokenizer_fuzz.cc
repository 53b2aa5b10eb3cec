#include "config/base/utf8.h"
#include "pipeline/text/tokenizer.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

namespace {

using namespace millrace::pipeline;  // NOLINT(google-build-using-namespace)

constexpr std::string_view kJson = R"({"version": "1.0", "added_tokens": [
  {"id": 0, "content": "[UNK]", "special": true, "normalized": false},
  {"id": 9, "content": "<m>", "lstrip": true, "rstrip": true, "normalized": false},
  {"id": 10, "content": "Ab", "single_word": true, "normalized": true}],
 "normalizer": {"type": "BertNormalizer"}, "pre_tokenizer": {"type": "BertPreTokenizer"},
 "post_processor": {"type": "BertProcessing", "sep": ["c", 3], "cls": ["a", 1]},
 "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 20,
  "vocab": {"[UNK]": 0, "a": 1, "##b": 2, "c": 3, "##c": 4, "bc": 5, "##\u0301": 6, "e": 7, ".": 8}}})";

const Tokenizer& tokenizer() {
  static const std::unique_ptr<Tokenizer> made = Tokenizer::parse(kJson, "{}").value();
  return *made;
}

void check_shape(const Encoding& encoding, std::size_t code_points) {
  const std::size_t size = encoding.ids.size();
  const bool equal = encoding.type_ids.size() == size && encoding.offsets.size() == size &&
                     encoding.words.size() == size && encoding.special_mask.size() == size &&
                     encoding.sequence.size() == size;
  if (!equal) std::abort();
  for (std::size_t i = 0; i < size; ++i) {
    if (encoding.offsets[i].begin > encoding.offsets[i].end ||
        encoding.offsets[i].end > code_points)
      std::abort();
    if (encoding.ids[i] < 0 ||
        static_cast<std::size_t>(encoding.ids[i]) >= tokenizer().vocab_size())
      std::abort();
  }
}

void check_text(std::string_view text, std::size_t max_length, std::size_t stride) {
  const auto full = tokenizer().encode(text, {.want_offsets = true});
  if (!full) {
    if (!millrace::config::invalid_utf8_at(text)) std::abort();
    return;
  }
  const std::size_t code_points = millrace::config::count_code_points(text);
  check_shape(*full, code_points);
  if (tokenizer().encode(text)->ids != full->ids) std::abort();
  const Truncation truncation{.max_length = max_length, .stride = stride};
  const auto cut = tokenizer().encode(
      text, {.truncation = truncation, .want_offsets = true, .want_overflow = true});
  if (!cut) return;
  if (cut->ids.size() > max_length) std::abort();
  check_shape(*cut, code_points);
  for (const Encoding& window : cut->overflowing) check_shape(window, code_points);
}

}  // namespace

/// An odd first byte: the rest is a tokenizer.json that is refused or works. An even one: the rest
/// is a text, cut to lengths that the next two bytes choose.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 3, size - 3);
  if (data[0] % 2 == 0) {
    check_text(rest, data[1], data[2] % 8);
    return 0;
  }
  const auto parsed = Tokenizer::parse(rest, "");
  if (parsed && !(*parsed)->encode_pair("a b\u00E9", "[UNK] c", {.want_offsets = true}))
    std::abort();
  return 0;
}
