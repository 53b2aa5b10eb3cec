#pragma once

#include "pipeline/contract/item.h"
#include "pipeline/contract/task.h"
#include "pipeline/contract/unplaced.h"
#include "pipeline/tasks/parameters.h"
#include "pipeline/tasks/text_input.h"
#include "pipeline/text/tokenizer.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::pipeline {

/// The arguments of a tokenizer's call that tasks pass on, with their names in transformers.
std::span<const Parameter> tokenizer_parameters();

/// How the arguments of a call cut a text.
struct AskedTruncation {
  std::optional<Truncation> truncation;  // empty: as long as the text is
  bool never = false;                    // the call says so itself
};

/// Reads truncation and max_length, with `padding` where it changes what they mean; `padding`
/// itself is checked by the caller.
///
/// Source: transformers 4.57, tokenization_utils_base.py, _get_padding_truncation_strategies().
AskedTruncation read_truncation(ParameterReader& reader,
                                const Tokenizer& tokenizer,
                                bool add_special_tokens);

/// Reads is_split_into_words; true for a tokenizer that takes no words is a problem of the reader.
bool read_words_flag(ParameterReader& reader, const Tokenizer& tokenizer);

/// The words that the argument `padding` takes.
std::span<const std::string_view> padding_words();

/// What a stage says about texts beside the parameters of its call.
struct TextRules {
  std::size_t max_positions = 0;  // that the model can index, one for each token; 0: no limit
  // Tokens that take none; nothing: every token takes one.
  std::optional<Unplaced> unplaced = {};
  bool knows_types = true;      // the model has token types
  bool refuse_long = false;     // `truncation: error`: a text that is too long is not cut
  bool plain_specials = false;  // `special_tokens: plain`

  /// Says whether the model takes a row of these ids.
  bool allow(std::span<const std::int32_t> ids) const;

  /// Tokens that the model takes, whatever they are.
  std::size_t longest() const;

  /// The fewest tokens that it never takes: a text cut to them is still known as too long.
  std::size_t too_many() const;
};

/// A text as the model reads it.
struct EncodedText {
  Item item;
  bool cut = false;             // something was cut
  bool cut_by_default = false;  // and nobody had asked for that
};

/// Encodes the texts of a task: the parameters of the call, then the limit of the model.
///
/// Truncation by parameters is that of transformers 4.57. What is still longer than the model has
/// positions is cut by default, or refused: TOO_LONG. An explicit `truncation: false` refuses it,
/// too: transformers fails there.
class TextEncoding {
 public:
  /// reader: holds the parameters. Problems are added to its errors.
  TextEncoding(std::shared_ptr<const Tokenizer> tokenizer,
               TextRules rules,
               ParameterReader& reader);

  /// Errors (invalid_input): those of Tokenizer, TOO_LONG.
  Result<EncodedText> encode(const TextInput& input) const;

 private:
  std::shared_ptr<const Tokenizer> tokenizer_;
  TextRules rules_;
  EncodeOptions options_;
  bool never_cut_ = false;
  bool with_types_ = true;
};

/// Makes a row of an encoding. with_types: the model is told which text a token belongs to.
Item item_of(Encoding encoding, bool with_types, Wanted wanted);

/// What a task over texts remembers of a record: one entry for each text.
struct TextState final : TaskState {
  bool is_list = false;  // the record held a list, so its result is a list, too
  std::vector<bool> cut_by_default;
};

/// Turns a record into one row for each of its texts.
///
/// Errors (invalid_input): those of read_texts() and TextEncoding::encode().
Result<Prepared> prepare_texts(const TextEncoding& encoding,
                               const Json& input,
                               Pairs pairs,
                               Wanted wanted);

/// Makes one result for each text with `result_of`, and a list of them if the record held a list.
/// The first error wins.
Result<Json> finish_texts(
    const Prepared& prepared,
    std::span<const RowView> rows,
    const std::function<Result<Json>(const RowView& row, bool cut_by_default)>& result_of);

}  // namespace millrace::pipeline
