#include "pipeline/tasks/entities.h"

#include "pipeline/tasks/scores.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace millrace::pipeline {
namespace {

/// The mean of what is a number; float32, as numpy.nanmean.
class Mean {
 public:
  void add(float value) {
    if (std::isnan(value)) return;
    sum_ += value;
    ++count_;
  }

  float value() const { return sum_ / static_cast<float>(count_); }

 private:
  float sum_ = 0.0F;
  std::size_t count_ = 0;
};

/// The tag of a label, and whether it begins an entity.
struct Tag {
  std::string_view name;
  bool begins = false;
};

Tag tag_of(std::string_view label) {
  if (label.starts_with("B-")) return {label.substr(2), true};
  if (label.starts_with("I-")) return {label.substr(2), false};
  return {label, false};
}

/// A group is named by what follows the first hyphen of its first label.
std::string group_name(std::string_view label) {
  const std::size_t hyphen = label.find('-');
  return std::string(hyphen == std::string_view::npos ? label : label.substr(hyphen + 1));
}

template <typename Parts, typename WordOf>
std::string joined(const Parts& parts, const Tokenizer& tokenizer, WordOf word_of) {
  std::vector<std::string_view> words;
  for (const auto& part : parts) words.push_back(word_of(part));
  return tokenizer.tokens_to_string(words);
}

class Aggregator {
 public:
  Aggregator(Aggregation aggregation,
             std::span<const std::string> labels,
             const Tokenizer& tokenizer)
      : aggregation_(aggregation), labels_(labels), tokenizer_(tokenizer) {}

  std::vector<Entity> tokens(std::span<const LabelledToken> tokens) const {
    std::vector<Entity> entities;
    for (const LabelledToken& token : tokens) {
      const std::size_t label = best(token.scores);
      entities.push_back({.label = labels_[label],
                          .score = token.scores[label],
                          .index = token.index,
                          .word = token.word,
                          .start = token.start,
                          .end = token.end});
    }
    return entities;
  }

  /// A token that is no subword begins a word.
  std::vector<Entity> words(std::span<const LabelledToken> tokens) const {
    std::vector<Entity> entities;
    for (std::size_t begin = 0; begin < tokens.size();) {
      std::size_t end = begin + 1;
      while (end < tokens.size() && tokens[end].is_subword) ++end;
      entities.push_back(word(tokens.subspan(begin, end - begin)));
      begin = end;
    }
    return entities;
  }

  /// Neighbours of one tag stand together unless the later one begins an entity.
  std::vector<Entity> groups(std::span<const Entity> entities) const {
    std::vector<Entity> grouped;
    for (std::size_t begin = 0; begin < entities.size();) {
      std::size_t end = begin + 1;
      while (end < entities.size() && goes_on(entities[end - 1], entities[end])) ++end;
      grouped.push_back(group(entities.subspan(begin, end - begin)));
      begin = end;
    }
    return grouped;
  }

 private:
  static bool goes_on(const Entity& last, const Entity& next) {
    const Tag tag = tag_of(next.label);
    return !tag.begins && tag.name == tag_of(last.label).name;
  }

  Entity word(std::span<const LabelledToken> tokens) const {
    const std::vector<float> scores = scores_of(tokens);
    const std::size_t label = best(scores);
    Entity entity;
    entity.label = labels_[label];
    entity.score = scores[label];
    entity.word =
        joined(tokens, tokenizer_, [](const LabelledToken& t) { return std::string_view(t.word); });
    entity.start = tokens.front().start;
    entity.end = tokens.back().end;
    return entity;
  }

  std::vector<float> scores_of(std::span<const LabelledToken> tokens) const {
    if (aggregation_ == Aggregation::first) return tokens.front().scores;
    if (aggregation_ == Aggregation::max) {
      const auto top = [](const LabelledToken& t) { return t.scores[best(t.scores)]; };
      return std::max_element(tokens.begin(),
                              tokens.end(),
                              [&](const auto& a, const auto& b) { return top(a) < top(b); })
          ->scores;
    }
    std::vector<float> means(labels_.size());
    for (std::size_t label = 0; label < means.size(); ++label) {
      Mean mean;
      for (const LabelledToken& token : tokens) mean.add(token.scores[label]);
      means[label] = mean.value();
    }
    return means;
  }

  Entity group(std::span<const Entity> entities) const {
    Mean mean;
    for (const Entity& entity : entities) mean.add(entity.score);
    Entity whole;
    whole.label = group_name(entities.front().label);
    whole.score = mean.value();
    whole.word =
        joined(entities, tokenizer_, [](const Entity& e) { return std::string_view(e.word); });
    whole.start = entities.front().start;
    whole.end = entities.back().end;
    return whole;
  }

  Aggregation aggregation_;
  std::span<const std::string> labels_;
  const Tokenizer& tokenizer_;
};

}  // namespace

std::vector<Entity> aggregate(std::span<const LabelledToken> tokens,
                              Aggregation aggregation,
                              std::span<const std::string> labels,
                              const Tokenizer& tokenizer) {
  const Aggregator aggregator(aggregation, labels, tokenizer);
  if (aggregation == Aggregation::none) return aggregator.tokens(tokens);
  const std::vector<Entity> entities =
      aggregation == Aggregation::simple ? aggregator.tokens(tokens) : aggregator.words(tokens);
  return aggregator.groups(entities);
}

std::vector<Entity> without_overlaps(std::vector<Entity> entities) {
  if (entities.empty()) return entities;
  std::stable_sort(entities.begin(), entities.end(), [](const Entity& a, const Entity& b) {
    return a.start < b.start;
  });
  std::vector<Entity> kept;
  Entity current = entities.front();
  for (Entity& next : entities) {
    if (current.start <= next.start && next.start < current.end) {
      const std::size_t length = current.end - current.start;
      const std::size_t next_length = next.end - next.start;
      if (next_length > length || (next_length == length && next.score > current.score))
        current = std::move(next);
    } else {
      kept.push_back(std::exchange(current, std::move(next)));
    }
  }
  kept.push_back(std::move(current));
  return kept;
}

}  // namespace millrace::pipeline
