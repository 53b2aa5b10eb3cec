#include "pipeline/tasks/fill_mask.h"

#include "pipeline/tasks/gather.h"
#include "pipeline/tasks/scores.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

// Source: transformers 4.57, pipelines/fill_mask.py.

namespace millrace::pipeline {
namespace {

constexpr std::array kParameters = {
    Parameter{"top_k", "integer", "How many tokens to give for each mask; 5 by default."},
    Parameter{
        "targets",
        "a text or a list of texts",
        "The only tokens to choose from; of one that is not in the vocabulary the first piece "
        "counts."},
    Parameter{"tokenizer_kwargs",
              "object",
              "Arguments of the tokenizer: truncation, max_length, add_special_tokens …"},
};

constexpr std::string_view kInner = "parameters.tokenizer_kwargs";

constexpr std::array kInputs = {
    InputForm{
        R"("a [MASK] text")",
        "a list of `{score, token, token_str, sequence}`; a list of such lists when there are "
        "several masks"},
    InputForm{R"(["a [MASK] text", "another [MASK]"])", "a list of their results"},
};

constexpr TaskExample kExample = {
    .model = "tests/golden/tiny_mlm",
    .input = R"("the [MASK] broke")",
    .parameters = R"({"top_k": 2})",
    .output =
        R"([{"score":0.34219416975975037,"token":133,"token_str":"acting","sequence":"the acting broke"},{"score":0.12026066333055496,"token":120,"token_str":"so","sequence":"the so broke"}])"};

constexpr std::size_t kDefaultTopK = 5;

struct Settings {
  std::size_t top_k = kDefaultTopK;
  std::optional<std::vector<std::int32_t>> targets;
  std::int32_t mask = -1;
};

struct MaskedText {
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t> masks;  // places in ids
  bool cut_by_default = false;
};

struct MaskState final : TaskState {
  std::vector<MaskedText> texts;
  bool is_list = false;
};

std::vector<std::int32_t> places_of(std::int32_t id, std::span<const std::int32_t> ids) {
  std::vector<std::int32_t> places;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] == id) places.push_back(static_cast<std::int32_t>(i));
  }
  return places;
}

class FillMask final : public Task {
 public:
  FillMask(std::shared_ptr<const Tokenizer> tokenizer, TextEncoding encoding, Settings settings)
      : tokenizer_(std::move(tokenizer)),
        encoding_(std::move(encoding)),
        settings_(std::move(settings)) {}

  Result<Prepared> prepare(const Json& input) const override {
    auto inputs = read_texts(input, Pairs::refused);
    if (!inputs) return std::move(inputs).error();
    Prepared prepared;
    auto state = std::make_unique<MaskState>();
    state->is_list = inputs->is_list;
    std::size_t masks = 0;
    for (const TextInput& text : inputs->texts) {
      auto encoded = encoding_.encode(text);
      if (!encoded) return std::move(encoded).error();
      Item& item = encoded->item;
      item.wanted = Wanted::masked;
      item.positions = places_of(settings_.mask, item.ids);
      if (auto seen = check_masks(text, *encoded); !seen) return std::move(seen).error();
      // Each gives a score for every token of the vocabulary.
      masks += item.positions.size();
      if (auto fits = check_count(masks, "masks"); !fits) return std::move(fits).error();
      prepared.truncated = prepared.truncated || encoded->cut;
      state->texts.push_back({item.ids, item.positions, encoded->cut_by_default});
      prepared.items.push_back(std::move(item));
    }
    prepared.state = std::move(state);
    return prepared;
  }

  Result<Json> finish(const Prepared& prepared, std::span<const RowView> rows) const override {
    const auto& state = static_cast<const MaskState&>(*prepared.state);
    return gather(
        state.texts.size(),
        state.is_list,
        rows,
        [](std::size_t) { return std::size_t{1}; },
        [&](std::size_t i, std::span<const RowView> own) {
          return result_of(state.texts[i], own[0]);
        });
  }

 private:
  /// A text without a mask asks nothing; one whose mask is cut off by default asks something else.
  Result<void> check_masks(const TextInput& text, const EncodedText& encoded) const {
    const std::string_view mask = tokenizer_->id_to_token(settings_.mask);
    if (encoded.item.positions.empty()) {
      return error(Errc::invalid_input,
                   "BAD_INPUT",
                   fmt::format("input: no mask token ({}) found{}; write it where a word is sought",
                               mask,
                               encoded.cut ? " in what is left after cutting" : ""));
    }
    if (!encoded.cut_by_default) return {};
    const auto whole = tokenizer_->encode(text.text);
    if (!whole) return whole.error();
    if (places_of(settings_.mask, whole->ids).size() == encoded.item.positions.size()) return {};
    return error(Errc::invalid_input,
                 "TOO_LONG",
                 fmt::format("the text is longer than the model takes, and a {} would be cut off; "
                             "shorten the text",
                             mask));
  }

  Result<Json> result_of(const MaskedText& text, const RowView& row) const {
    if (!all_finite(row.values)) {
      return error(Errc::invalid_input,
                   "NONFINITE",
                   "a score is not a finite number; see `on_nonfinite` of the stage");
    }
    Json masks = Json::array();
    for (std::size_t i = 0; i < text.masks.size(); ++i)
      masks.push_back(candidates(text, i, row.row(i)));
    return masks.size() == 1 ? masks[0] : masks;
  }

  Json candidates(const MaskedText& text, std::size_t mask, std::span<const float> logits) const {
    std::vector<float> scores(logits.begin(), logits.end());
    softmax_in_place(scores);
    std::vector<std::int32_t> ids = settings_.targets.value_or(std::vector<std::int32_t>());
    if (!settings_.targets) {
      ids.resize(scores.size());
      std::iota(ids.begin(), ids.end(), 0);
    }
    std::erase_if(ids,
                  [&](std::int32_t id) { return static_cast<std::size_t>(id) >= scores.size(); });
    const auto score_of = [&](std::int32_t id) { return scores[static_cast<std::size_t>(id)]; };
    const std::size_t kept = std::min(settings_.top_k, ids.size());
    std::partial_sort(ids.begin(),
                      ids.begin() + static_cast<std::ptrdiff_t>(kept),
                      ids.end(),
                      [&](std::int32_t a, std::int32_t b) {
                        return score_of(a) != score_of(b) ? score_of(a) > score_of(b) : a < b;
                      });
    Json list = Json::array();
    for (std::size_t i = 0; i < kept; ++i)
      list.push_back(candidate(text, mask, ids[i], score_of(ids[i])));
    return list;
  }

  Json candidate(const MaskedText& text, std::size_t mask, std::int32_t id, float score) const {
    std::vector<std::int32_t> filled = text.ids;
    filled[static_cast<std::size_t>(text.masks[mask])] = id;
    if (const auto pad = tokenizer_->pad_id()) std::erase(filled, *pad);
    // With several masks the others are to be seen.
    const bool skip_specials = text.masks.size() == 1;
    Json object = {{"score", static_cast<double>(score)},
                   {"token", id},
                   {"token_str", tokenizer_->decode(std::span(&id, 1), false)},
                   {"sequence", tokenizer_->decode(filled, skip_specials)}};
    if (text.cut_by_default) object["truncated"] = true;
    return object;
  }

  std::shared_ptr<const Tokenizer> tokenizer_;
  TextEncoding encoding_;
  Settings settings_;
};

/// The token of a target: itself, or its first piece.
std::optional<std::int32_t> target_id(const Tokenizer& tokenizer, const std::string& target) {
  if (const auto id = tokenizer.token_to_id(target)) return id;
  const auto pieces = tokenizer.encode(target, {.add_special_tokens = false});
  if (!pieces || pieces->ids.empty()) return std::nullopt;
  return pieces->ids.front();
}

void read_targets(ParameterReader& reader, const Tokenizer& tokenizer, Settings& settings) {
  const Json* given = reader.find("targets");
  if (given == nullptr || given->is_null()) return;
  const Json list = given->is_string() ? Json::array({*given}) : *given;
  const bool texts = list.is_array() && std::all_of(list.begin(), list.end(), [](const Json& one) {
                       return one.is_string();
                     });
  if (!texts) return reader.bad("targets", "a text or a list of texts");
  std::set<std::int32_t> ids;
  for (const Json& target : list) {
    if (const auto id = target_id(tokenizer, target.get<std::string>())) ids.insert(*id);
  }
  if (ids.empty()) return reader.bad("targets", "at least one text that is not empty");
  settings.targets.emplace(ids.begin(), ids.end());
}

Settings read_settings(ParameterReader& reader, const TaskRequest& request, MadeTask& made) {
  Settings settings;
  read_targets(reader, *request.tokenizer, settings);
  const auto vocabulary = static_cast<std::int64_t>(request.facts.vocab_size);
  const std::int64_t most =
      settings.targets || vocabulary == 0 ? std::numeric_limits<std::int32_t>::max() : vocabulary;
  if (const auto top_k = reader.integer("top_k", 0, most))
    settings.top_k = static_cast<std::size_t>(*top_k);
  if (const auto mask = request.tokenizer->mask_id()) {
    settings.mask = *mask;
  } else {
    made.errors.push_back(error(Errc::unsupported,
                                "UNSUPPORTED_TOKENIZER",
                                "the tokenizer has no mask_token; take a checkpoint of a masked "
                                "language model, or name it in tokenizer_config.json"));
  }
  return settings;
}

MadeTask make(const TaskRequest& request) {
  MadeTask made;
  const Json none = Json::object();
  ParameterReader reader(request.parameters ? *request.parameters : none,
                         kParameters,
                         "parameters",
                         made.errors,
                         {.names = tokenizer_parameters(), .place = kInner});
  Settings settings = read_settings(reader, request, made);
  Json arguments = Json::object();
  if (const Json* given = reader.find("tokenizer_kwargs"); given && !given->is_null()) {
    if (given->is_object()) {
      arguments = *given;
    } else {
      reader.bad("tokenizer_kwargs", "an object");
    }
  }
  ParameterReader inner(arguments, tokenizer_parameters(), std::string(kInner), made.errors);
  TextEncoding encoding(request.tokenizer, request.rules, inner);
  if (made.errors.empty()) {
    made.task =
        std::make_unique<FillMask>(request.tokenizer, std::move(encoding), std::move(settings));
  }
  return made;
}

std::vector<Parameter> parameters() { return {kParameters.begin(), kParameters.end()}; }

}  // namespace

TaskEntry fill_mask() {
  return {"fill-mask",
          "Finds the words that fit where a text holds its mask token.",
          kInputs,
          kExample,
          HeadKind::masked_lm,
          parameters,
          make};
}

}  // namespace millrace::pipeline
