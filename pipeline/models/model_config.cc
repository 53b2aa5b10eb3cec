#include "pipeline/models/model_config.h"

#include <charconv>
#include <map>
#include <optional>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::pipeline {
namespace {

constexpr std::int64_t kLargestSize = std::int64_t{1} << 24;

std::optional<std::int64_t> id_of(const std::string& key) {
  std::int64_t id = 0;
  const auto [end, failure] = std::from_chars(key.data(), key.data() + key.size(), id);
  if (failure != std::errc() || end != key.data() + key.size()) return std::nullopt;
  return id;
}

}  // namespace

const Json* ModelConfig::find(const char* key) const {
  if (!json_.is_object()) return nullptr;
  const auto found = json_.find(key);
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

bool ModelConfig::has_null(const char* key) const {
  return json_.is_object() && json_.contains(key) && find(key) == nullptr;
}

void ModelConfig::complain(std::string message) {
  errors_.push_back(error(Errc::invalid_input, "BAD_MODEL_CONFIG", std::move(message)));
}

void ModelConfig::refuse(std::string message) {
  errors_.push_back(error(Errc::unsupported, "UNSUPPORTED_MODEL", std::move(message)));
}

std::int64_t ModelConfig::size(const char* key) {
  const std::size_t complaints = errors_.size();
  const std::int64_t value = size_or(key, 0);
  if (value == 0 && errors_.size() == complaints) {
    complain(fmt::format("config.json: expected a positive number at {}", key));
  }
  return value;
}

std::int64_t ModelConfig::size_or(const char* key, std::int64_t absent) {
  const Json* value = find(key);
  if (value == nullptr) return absent;
  const bool fits = value->is_number_integer() && value->get<double>() >= 0 &&
                    value->get<double>() <= static_cast<double>(kLargestSize);
  if (!fits) {
    complain(fmt::format("config.json: expected a number of 0 to {} at {}", kLargestSize, key));
    return 0;
  }
  return value->get<std::int64_t>();
}

std::int64_t ModelConfig::signed_or(const char* key, std::int64_t absent) {
  const Json* value = find(key);
  const bool negative = value != nullptr && value->is_number_integer() && value->get<double>() < 0;
  return negative ? -1 : size_or(key, absent);
}

std::vector<std::string> ModelConfig::words(const char* key) {
  std::vector<std::string> words;
  const Json* value = find(key);
  if (value == nullptr) return words;
  if (value->is_string()) {
    std::istringstream text(value->get<std::string>());
    for (std::string word; std::getline(text, word, '|');) {
      std::erase(word, ' ');
      if (!word.empty()) words.push_back(word);
    }
    return words;
  }
  for (const Json& word : *value) {
    if (value->is_array() && word.is_string()) {
      words.push_back(word.get<std::string>());
      continue;
    }
    complain(fmt::format("config.json: expected texts at {}", key));
    break;
  }
  return words;
}

void ModelConfig::wrong_type(const char* key, const char* expected) {
  complain(fmt::format(
      "config.json: expected {} at {}, found {}", expected, key, json_[key].type_name()));
}

double ModelConfig::number_or(const char* key, double absent) {
  const Json* value = find(key);
  if (value == nullptr) return absent;
  if (value->is_number()) return value->get<double>();
  wrong_type(key, "a number");
  return absent;
}

std::string ModelConfig::text_or(const char* key, std::string absent) {
  const Json* value = find(key);
  if (value == nullptr) return absent;
  if (value->is_string()) return value->get<std::string>();
  wrong_type(key, "a text");
  return absent;
}

bool ModelConfig::flag_or(const char* key, bool absent) {
  const Json* value = find(key);
  if (value == nullptr) return absent;
  if (value->is_boolean()) return value->get<bool>();
  wrong_type(key, "true or false");
  return absent;
}

std::vector<std::string> ModelConfig::labels(std::int64_t by_default) {
  std::vector<std::string> labels;
  const Json* stored = find("id2label");
  if (stored == nullptr) {
    const std::int64_t count = size_or("num_labels", by_default);
    for (std::int64_t id = 0; id < count; ++id) labels.push_back(fmt::format("LABEL_{}", id));
    return labels;
  }
  std::map<std::int64_t, std::string> by_id;
  if (stored->is_object()) {
    for (const auto& [key, label] : stored->items()) {
      const auto id = id_of(key);
      if (id && label.is_string()) by_id.emplace(*id, label.get<std::string>());
    }
  }
  const bool whole = stored->is_object() && !by_id.empty() && by_id.size() == stored->size() &&
                     by_id.begin()->first == 0 &&
                     by_id.rbegin()->first == static_cast<std::int64_t>(by_id.size()) - 1;
  if (!whole) {
    complain("config.json: expected id2label to name the labels 0, 1, … without a gap");
    return labels;
  }
  for (auto& [id, label] : by_id) labels.push_back(std::move(label));
  return labels;
}

}  // namespace millrace::pipeline
