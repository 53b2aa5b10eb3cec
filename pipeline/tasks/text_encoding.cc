#include "pipeline/tasks/text_encoding.h"

#include "pipeline/tasks/gather.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::pipeline {
namespace {

constexpr std::array kParameters = {
    Parameter{"truncation",
              "true, false, longest_first, only_first, only_second",
              "How a text that is too long is cut."},
    Parameter{"max_length", "integer", "The length to cut to, in tokens."},
    Parameter{"padding",
              "true, false, longest, max_length, do_not_pad",
              "Accepted and without effect: rows are never padded."},
    Parameter{
        "add_special_tokens", "true or false", "Whether [CLS] and [SEP] are put around the text."},
    Parameter{"return_token_type_ids",
              "true or false",
              "Whether the model is told which text a token belongs to."},
};

constexpr std::int64_t kMostTokens = 1'000'000;
constexpr std::size_t kUnlimited = 1'000'000'000;

constexpr std::array<std::string_view, 4> kStrategies = {
    "longest_first", "only_first", "only_second", "do_not_truncate"};
constexpr std::array<std::string_view, 3> kPaddings = {"longest", "max_length", "do_not_pad"};

Truncation::Strategy strategy_named(std::string_view name) {
  if (name == "only_first") return Truncation::Strategy::only_first;
  if (name == "only_second") return Truncation::Strategy::only_second;
  return Truncation::Strategy::longest_first;
}

/// Without a word about padding or truncation a length alone means that it is cut to.
bool says_padding(const ParameterReader& reader) {
  const Json* padding = reader.find("padding");
  if (padding == nullptr || padding->is_null()) return false;
  return !padding->is_boolean() || padding->get<bool>();
}

}  // namespace

std::span<const Parameter> tokenizer_parameters() { return kParameters; }

std::span<const std::string_view> padding_words() { return kPaddings; }

bool read_words_flag(ParameterReader& reader, const Tokenizer& tokenizer) {
  const bool split = reader.flag("is_split_into_words").value_or(false);
  if (split && !tokenizer.takes_words()) {
    reader.bad("is_split_into_words",
               "false: the tokenizer puts no space before a word; set add_prefix_space in "
               "tokenizer_config.json to true");
  }
  return split;
}

TextEncoding::TextEncoding(std::shared_ptr<const Tokenizer> tokenizer,
                           TextRules rules,
                           ParameterReader& reader)
    : tokenizer_(std::move(tokenizer)), rules_(rules) {
  options_.add_special_tokens = reader.flag("add_special_tokens").value_or(true);
  options_.parse_special = !rules_.plain_specials;
  with_types_ = rules_.knows_types && tokenizer_->wants_type_ids() &&
                reader.flag("return_token_type_ids").value_or(true);
  if (const Json* padding = reader.find("padding");
      padding != nullptr && !padding->is_boolean() && !padding->is_null()) {
    reader.choice("padding", kPaddings);
  }
  const AskedTruncation asked = read_truncation(reader, *tokenizer_, options_.add_special_tokens);
  options_.truncation = asked.truncation;
  never_cut_ = asked.never;
}

bool TextRules::allow(std::span<const std::int32_t> ids) const {
  return fits(ids, max_positions, unplaced);
}

std::size_t TextRules::longest() const {
  return max_positions == 0 ? std::numeric_limits<std::size_t>::max() : max_positions;
}

std::size_t TextRules::too_many() const {
  if (max_positions == 0) return longest();
  return 1 + (unplaced ? unplaced->max_tokens : max_positions);
}

AskedTruncation read_truncation(ParameterReader& reader,
                                const Tokenizer& tokenizer,
                                bool add_special_tokens) {
  AskedTruncation asked;
  const auto max_length = reader.integer("max_length", 1, kMostTokens);
  const Json* written = reader.find("truncation");
  const bool given = written != nullptr && !written->is_null();
  std::optional<Truncation::Strategy> strategy;
  if (!given) {
    if (max_length && !says_padding(reader)) strategy = Truncation::Strategy::longest_first;
  } else if (written->is_boolean()) {
    if (written->get<bool>()) strategy = Truncation::Strategy::longest_first;
    asked.never = !written->get<bool>();
  } else if (const auto word = reader.choice("truncation", kStrategies)) {
    asked.never = *word == "do_not_truncate";
    if (!asked.never) strategy = strategy_named(*word);
  }
  if (!strategy) return asked;
  Truncation truncation;
  truncation.strategy = *strategy;
  truncation.side = tokenizer.truncation_side();
  // Without a length the tokenizer's own limit counts; one without a limit does not cut.
  truncation.max_length =
      max_length ? static_cast<std::size_t>(*max_length) : tokenizer.model_max_length();
  const std::size_t specials = add_special_tokens ? tokenizer.special_tokens(false) : 0;
  if (truncation.max_length < specials) {
    // transformers cuts nothing then, which is not what was asked for.
    reader.bad("max_length",
               fmt::format("at least {}: so many special tokens are added", specials));
    return asked;
  }
  if (truncation.max_length < kUnlimited) asked.truncation = truncation;
  return asked;
}

Result<EncodedText> TextEncoding::encode(const TextInput& input) const {
  const auto run = [&](const EncodeOptions& options) {
    return input.pair ? tokenizer_->encode_pair(input.text, *input.pair, options)
                      : tokenizer_->encode(input.text, options);
  };
  auto encoding = run(options_);
  if (!encoding) return std::move(encoding).error();
  if (encoding->ids.empty()) {
    return error(Errc::invalid_input,
                 "BAD_INPUT",
                 "input: expected a text with at least one token, found none; special tokens are "
                 "not added, and the text is empty");
  }
  EncodedText encoded;
  encoded.cut = encoding->truncated;
  if (!rules_.allow(encoding->ids)) {
    if (never_cut_ || rules_.refuse_long) {
      return error(Errc::invalid_input,
                   "TOO_LONG",
                   fmt::format("the text has {} tokens, the model takes {}; allow cutting with "
                               "`truncation: true`, or shorten it",
                               encoding->ids.size(),
                               rules_.max_positions));
    }
    EncodeOptions shorter = options_;
    Truncation truncation = options_.truncation.value_or(Truncation{});
    truncation.side = tokenizer_->truncation_side();
    truncation.max_length = rules_.max_positions;
    shorter.truncation = truncation;
    encoding = run(shorter);
    if (!encoding) return std::move(encoding).error();
    encoded.cut = true;
    encoded.cut_by_default = true;
  }
  encoded.item = item_of(*std::move(encoding), with_types_, Wanted::head);
  return encoded;
}

Item item_of(Encoding encoding, bool with_types, Wanted wanted) {
  Item item;
  item.ids = std::move(encoding.ids);
  if (with_types) item.type_ids = std::move(encoding.type_ids);
  item.wanted = wanted;
  return item;
}

Result<Prepared> prepare_texts(const TextEncoding& encoding,
                               const Json& input,
                               Pairs pairs,
                               Wanted wanted) {
  auto inputs = read_texts(input, pairs);
  if (!inputs) return std::move(inputs).error();
  Prepared prepared;
  auto state = std::make_unique<TextState>();
  state->is_list = inputs->is_list;
  for (const TextInput& text : inputs->texts) {
    auto encoded = encoding.encode(text);
    if (!encoded) return std::move(encoded).error();
    encoded->item.wanted = wanted;
    prepared.truncated = prepared.truncated || encoded->cut;
    state->cut_by_default.push_back(encoded->cut_by_default);
    prepared.items.push_back(std::move(encoded->item));
  }
  prepared.state = std::move(state);
  return prepared;
}

Result<Json> finish_texts(
    const Prepared& prepared,
    std::span<const RowView> rows,
    const std::function<Result<Json>(const RowView& row, bool cut_by_default)>& result_of) {
  const auto& state = static_cast<const TextState&>(*prepared.state);
  return gather(
      rows.size(),
      state.is_list,
      rows,
      [](std::size_t) { return std::size_t{1}; },
      [&](std::size_t i, std::span<const RowView> own) {
        return result_of(own[0], state.cut_by_default[i]);
      });
}

}  // namespace millrace::pipeline
