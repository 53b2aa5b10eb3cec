#include "pipeline/tasks/tokenization.h"

#include "pipeline/tasks/gather.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

// No pipeline of transformers: the call of a fast tokenizer of 4.57 (tokenization_utils_base.py,
// tokenization_utils_fast.py), and what its BatchEncoding says beside.

namespace millrace::pipeline {
namespace {

constexpr std::array kParameters = {
    Parameter{"add_special_tokens",
              "true or false",
              "Whether [CLS] and [SEP] are put around the text; true by default."},
    Parameter{"truncation",
              "true, false, longest_first, only_first, only_second",
              "How a text that is too long is cut; nothing is cut by default."},
    Parameter{"max_length", "integer", "The length to cut or pad to, in tokens."},
    Parameter{"stride", "integer", "Tokens that two windows of a cut text share."},
    Parameter{"return_overflowing_tokens",
              "true or false",
              "Gives every window of a cut text: each value becomes a list, one entry a window."},
    Parameter{"padding",
              "true, false, longest, max_length, do_not_pad",
              "Fills up with pad tokens; longest is that of the texts of one record."},
    Parameter{"padding_side", "left, right", "Where pad tokens stand."},
    Parameter{"pad_to_multiple_of", "integer from 1", "Rounds the length that is padded to up."},
    Parameter{"is_split_into_words",
              "true or false",
              "Whether a text is a list of words instead of a string; offsets then count in each "
              "word, and word_ids are those of the list."},
    Parameter{"return_attention_mask", "true or false", "Whether attention_mask is given."},
    Parameter{"return_token_type_ids", "true or false", "Whether token_type_ids are given."},
    Parameter{
        "return_special_tokens_mask", "true or false", "Whether special_tokens_mask is given."},
    Parameter{"return_offsets_mapping", "true or false", "Whether offset_mapping is given."},
    Parameter{"return_word_ids", "true or false", "Whether word_ids are given."},
    Parameter{"return_tokens", "true or false", "Whether tokens are given."},
    Parameter{"return_length", "true or false", "Also gives length, in tokens."},
    Parameter{"return_decoded", "true or false", "Also gives decoded, the ids as a text again."},
    Parameter{"skip_special_tokens", "true or false", "Leaves special tokens out of decoded."},
    Parameter{"clean_up_tokenization_spaces",
              "true or false",
              "Whether decoded has no spaces before punctuation; as tokenizer_config.json says by "
              "default."},
    Parameter{"return_tensors", "null", "Accepted only as null: results are JSON."},
};

constexpr std::array kInputs = {
    InputForm{
        R"("a text")",
        "`{input_ids, attention_mask, token_type_ids, special_tokens_mask, offset_mapping, "
        "word_ids, tokens}`; offsets count code points, word_ids are null for special tokens"},
    InputForm{R"({"text": "a text", "text_pair": "another"})",
              "the same, for two texts that the model reads together"},
    InputForm{R"(["words", "of", "one", "text"])", "with `is_split_into_words`: as for a text"},
    InputForm{R"({"text": ["words", "of"], "text_pair": ["two", "texts"]})",
              "with `is_split_into_words`: as for a pair; word_ids count from 0 in each text"},
    InputForm{R"(["a text", {"text": "a text", "text_pair": "another"}])",
              "a list of their results"},
};

constexpr TaskExample kExample = {
    .model = "tests/golden/tiny_bert",
    .input = R"("the food was great")",
    .parameters = {},
    .output =
        R"({"input_ids":[2,102,136,110,123,3],"attention_mask":[1,1,1,1,1,1],"token_type_ids":[0,0,0,0,0,0],"special_tokens_mask":[1,0,0,0,0,1],"offset_mapping":[[0,0],[0,3],[4,8],[9,12],[13,18],[0,0]],"word_ids":[null,0,1,2,3,null],"tokens":["[CLS]","the","food","was","great","[SEP]"]})"};

constexpr std::array<std::string_view, 2> kSides = {"left", "right"};
constexpr std::int64_t kMost = 1'000'000;
/// What transformers takes for "no limit" in tokenizer_config.json.
constexpr std::size_t kNoLimit = 100'000'000'000'000'000;

/// What a row is filled up with, and how far.
struct Padding {
  std::int32_t id = 0;
  bool left = false;
  std::optional<std::size_t> length;  // empty: as long as the longest of the record
  std::size_t multiple = 1;
};

/// The keys of a result.
struct Given {
  bool attention = true;
  bool types = true;
  bool specials = true;
  bool offsets = true;
  bool words = true;
  bool tokens = true;
  bool length = false;
  bool decoded = false;
};

struct Settings {
  EncodeOptions encode;
  std::optional<Padding> padding;
  Given given;
  bool split = false;
  bool skip_specials = false;
  std::optional<bool> clean_up;
};

/// One text with its further windows, the first one first.
struct TokenizedText {
  std::vector<Encoding> windows;
};

struct TokenizedState final : TaskState {
  std::vector<TokenizedText> texts;
  bool is_list = false;
};

std::size_t rounded_up(std::size_t length, std::size_t multiple) {
  return (length + multiple - 1) / multiple * multiple;
}

/// A window as it is shown: pad tokens, its own tokens, pad tokens.
class Shown {
 public:
  Shown(const Encoding& encoding, const std::optional<Padding>& padding, std::size_t length)
      : encoding_(encoding) {
    const std::size_t own = encoding.ids.size();
    const std::size_t missing = padding && length > own ? length - own : 0;
    if (padding) pad_id_ = padding->id;
    (padding && padding->left ? before_ : after_) = missing;
  }

  std::size_t size() const { return before_ + encoding_.ids.size() + after_; }

  std::int32_t pad_id() const { return pad_id_; }

  const Encoding& encoding() const { return encoding_; }

  /// A list of `of(place)` for the own tokens, and of `pad` around them.
  template <typename Of>
  Json column(const Json& pad, Of of) const {
    Json list = Json::array();
    list.get_ref<Json::array_t&>().reserve(size());
    for (std::size_t i = 0; i < before_; ++i) list.push_back(pad);
    for (std::size_t i = 0; i < encoding_.ids.size(); ++i) list.push_back(of(i));
    for (std::size_t i = 0; i < after_; ++i) list.push_back(pad);
    return list;
  }

 private:
  const Encoding& encoding_;
  std::int32_t pad_id_ = 0;
  std::size_t before_ = 0;
  std::size_t after_ = 0;
};

class Tokenization final : public Task {
 public:
  Tokenization(std::shared_ptr<const Tokenizer> tokenizer, Settings settings)
      : tokenizer_(std::move(tokenizer)), settings_(std::move(settings)) {}

  Result<Prepared> prepare(const Json& input) const override {
    Prepared prepared;
    auto state = std::make_unique<TokenizedState>();
    auto taken = settings_.split ? take_words(input, *state) : take_texts(input, *state);
    if (!taken) return std::move(taken).error();
    prepared.truncated =
        std::any_of(state->texts.begin(), state->texts.end(), [](const TokenizedText& text) {
          return text.windows.front().truncated;
        });
    prepared.state = std::move(state);
    return prepared;
  }

  Result<Json> finish(const Prepared& prepared, std::span<const RowView> rows) const override {
    const auto& state = static_cast<const TokenizedState&>(*prepared.state);
    const std::size_t length = padded_length(state);
    return gather(
        state.texts.size(),
        state.is_list,
        rows,
        [](std::size_t) { return std::size_t{0}; },
        [&](std::size_t i, std::span<const RowView>) {
          return Result<Json>(result_of(state.texts[i], length));
        });
  }

 private:
  Result<void> take_texts(const Json& input, TokenizedState& state) const {
    auto inputs = read_texts(input, Pairs::accepted);
    if (!inputs) return std::move(inputs).error();
    state.is_list = inputs->is_list;
    for (const TextInput& text : inputs->texts) {
      auto encoding = text.pair ? tokenizer_->encode_pair(text.text, *text.pair, settings_.encode)
                                : tokenizer_->encode(text.text, settings_.encode);
      if (auto taken = take(std::move(encoding), state); !taken) return taken;
    }
    return {};
  }

  Result<void> take_words(const Json& input, TokenizedState& state) const {
    auto inputs = read_words(input);
    if (!inputs) return std::move(inputs).error();
    state.is_list = inputs->is_list;
    for (const WordInput& text : inputs->texts) {
      auto encoding = text.pair
                          ? tokenizer_->encode_word_pair(text.words, *text.pair, settings_.encode)
                          : tokenizer_->encode_words(text.words, settings_.encode);
      if (auto taken = take(std::move(encoding), state); !taken) return taken;
    }
    return {};
  }

  static Result<void> take(Result<Encoding> encoding, TokenizedState& state) {
    if (!encoding) return std::move(encoding).error();
    TokenizedText& text = state.texts.emplace_back();
    std::vector<Encoding> rest = std::exchange(encoding->overflowing, {});
    text.windows.reserve(1 + rest.size());
    text.windows.push_back(*std::move(encoding));
    for (Encoding& window : rest) text.windows.push_back(std::move(window));
    return {};
  }

  /// Source: tokenizers 0.22.2, utils/padding.rs: windows that overflow do not count.
  std::size_t padded_length(const TokenizedState& state) const {
    if (!settings_.padding) return 0;
    std::size_t length = settings_.padding->length.value_or(0);
    if (!settings_.padding->length) {
      for (const TokenizedText& text : state.texts)
        length = std::max(length, text.windows.front().ids.size());
    }
    return rounded_up(length, settings_.padding->multiple);
  }

  Json result_of(const TokenizedText& text, std::size_t length) const {
    std::vector<Shown> windows;
    windows.reserve(text.windows.size());
    for (const Encoding& window : text.windows)
      windows.emplace_back(window, settings_.padding, length);
    Json result = Json::object();
    const auto add = [&](bool wanted, const char* key, const auto& value_of) {
      if (!wanted) return;
      Json& value = result[key];
      if (!settings_.encode.want_overflow) {
        value = value_of(windows.front());
        return;
      }
      value = Json::array();
      for (const Shown& window : windows) value.push_back(value_of(window));
    };
    add_columns(add);
    add(settings_.given.decoded, "decoded", [&](const Shown& window) { return decoded(window); });
    if (settings_.given.length) {
      // A list in both cases, as in transformers.
      Json& lengths = result["length"] = Json::array();
      for (const Shown& window : windows) lengths.push_back(window.size());
    }
    if (settings_.encode.want_overflow)
      result["overflow_to_sample_mapping"] = Json::array_t(windows.size(), 0);
    return result;
  }

  template <typename Add>
  void add_columns(const Add& add) const {
    const Given& given = settings_.given;
    add(true, "input_ids", [](const Shown& window) {
      return window.column(window.pad_id(),
                           [&](std::size_t i) { return window.encoding().ids[i]; });
    });
    add(given.attention, "attention_mask", [](const Shown& window) {
      return window.column(0, [](std::size_t) { return 1; });
    });
    add(given.types, "token_type_ids", [](const Shown& window) {
      return window.column(0, [&](std::size_t i) { return window.encoding().type_ids[i]; });
    });
    add(given.specials, "special_tokens_mask", [](const Shown& window) {
      return window.column(1, [&](std::size_t i) { return window.encoding().special_mask[i]; });
    });
    add(given.offsets, "offset_mapping", [](const Shown& window) {
      return window.column(Json::array({0, 0}), [&](std::size_t i) {
        const Offset& offset = window.encoding().offsets[i];
        return Json::array({offset.begin, offset.end});
      });
    });
    add(given.words, "word_ids", [](const Shown& window) {
      return window.column(nullptr, [&](std::size_t i) {
        const std::int32_t word = window.encoding().words[i];
        return word < 0 ? Json(nullptr) : Json(word);
      });
    });
    add(given.tokens, "tokens", [this](const Shown& window) {
      return window.column(Json(tokenizer_->id_to_token(window.pad_id())), [&](std::size_t i) {
        return Json(tokenizer_->id_to_token(window.encoding().ids[i]));
      });
    });
  }

  Json decoded(const Shown& window) const {
    const auto ids =
        window.column(window.pad_id(), [&](std::size_t i) { return window.encoding().ids[i]; })
            .get<std::vector<std::int32_t>>();
    return tokenizer_->decode(ids, settings_.skip_specials, settings_.clean_up);
  }

  std::shared_ptr<const Tokenizer> tokenizer_;
  Settings settings_;
};

/// Reads the strategy of `padding`; nothing: not padded.
std::optional<std::string> padding_strategy(ParameterReader& reader) {
  const Json* given = reader.find("padding");
  if (given == nullptr || given->is_null()) return std::nullopt;
  if (given->is_boolean())
    return given->get<bool>() ? std::optional<std::string>("longest") : std::nullopt;
  auto word = reader.choice("padding", padding_words());
  return word == "do_not_pad" ? std::nullopt : word;
}

/// Source: transformers 4.57, tokenization_utils_base.py, _get_padding_truncation_strategies().
std::optional<Padding> read_padding(ParameterReader& reader,
                                    const Tokenizer& tokenizer,
                                    const std::optional<Truncation>& truncation) {
  const auto side = reader.choice("padding_side", kSides);
  const auto multiple = reader.integer("pad_to_multiple_of", 1, kMost);
  const auto max_length = reader.integer("max_length", 1, kMost);
  const auto strategy = padding_strategy(reader);
  if (!strategy) return std::nullopt;
  const auto pad = tokenizer.pad_id();
  if (!pad) {
    reader.bad("padding", "false: the tokenizer has no pad_token");
    return std::nullopt;
  }
  Padding padding;
  padding.id = *pad;
  padding.left = side ? *side == "left" : tokenizer.pads_left();
  padding.multiple = static_cast<std::size_t>(multiple.value_or(1));
  if (truncation && max_length && *max_length % multiple.value_or(1) != 0)
    reader.bad("pad_to_multiple_of", "a divisor of max_length, which the text is cut to");
  if (*strategy == "longest") return padding;
  padding.length =
      max_length ? static_cast<std::size_t>(*max_length) : tokenizer.model_max_length();
  // Without a length of any kind transformers pads nothing.
  return *padding.length > kNoLimit ? std::nullopt : std::optional(padding);
}

Given read_given(ParameterReader& reader) {
  Given given;
  const auto flag = [&](const char* name, bool& value) {
    value = reader.flag(name).value_or(value);
  };
  flag("return_attention_mask", given.attention);
  flag("return_token_type_ids", given.types);
  flag("return_special_tokens_mask", given.specials);
  flag("return_offsets_mapping", given.offsets);
  flag("return_word_ids", given.words);
  flag("return_tokens", given.tokens);
  flag("return_length", given.length);
  flag("return_decoded", given.decoded);
  return given;
}

Settings read_settings(ParameterReader& reader, const TaskRequest& request) {
  const Tokenizer& tokenizer = *request.tokenizer;
  Settings settings;
  EncodeOptions& encode = settings.encode;
  encode.add_special_tokens = reader.flag("add_special_tokens").value_or(true);
  encode.parse_special = !request.rules.plain_specials;
  encode.want_offsets = true;
  encode.want_overflow = reader.flag("return_overflowing_tokens").value_or(false);
  encode.truncation = read_truncation(reader, tokenizer, encode.add_special_tokens).truncation;
  const auto stride = static_cast<std::size_t>(reader.integer("stride", 0, kMost).value_or(0));
  if (encode.truncation) {
    encode.truncation->stride = stride;
    // Source: tokenizers 0.22.2, tokenizer/mod.rs, with_truncation().
    const std::size_t room = encode.truncation->max_length - tokenizer.special_tokens(false);
    if (encode.truncation->max_length < tokenizer.special_tokens(false) || room < stride)
      reader.bad("stride", "less than max_length without the special tokens");
  }
  settings.padding = read_padding(reader, tokenizer, encode.truncation);
  settings.given = read_given(reader);
  settings.split = read_words_flag(reader, tokenizer);
  settings.skip_specials = reader.flag("skip_special_tokens").value_or(false);
  settings.clean_up = reader.flag("clean_up_tokenization_spaces");
  if (const Json* tensors = reader.find("return_tensors"); tensors && !tensors->is_null())
    reader.bad("return_tensors", "null: results are JSON");
  return settings;
}

MadeTask make(const TaskRequest& request) {
  MadeTask made;
  const Json none = Json::object();
  ParameterReader reader(
      request.parameters ? *request.parameters : none, kParameters, "parameters", made.errors);
  Settings settings = read_settings(reader, request);
  if (made.errors.empty())
    made.task = std::make_unique<Tokenization>(request.tokenizer, std::move(settings));
  return made;
}

std::vector<Parameter> parameters() { return {kParameters.begin(), kParameters.end()}; }

}  // namespace

TaskEntry tokenization() {
  return {.name = "tokenization",
          .sentence = "Gives the tokens of a text, as the tokenizer of a checkpoint cuts it.",
          .inputs = kInputs,
          .example = kExample,
          .parameters = parameters,
          .make = make,
          .needs_model = false};
}

}  // namespace millrace::pipeline
