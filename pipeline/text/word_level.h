#pragma once

#include "pipeline/text/bpe.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace millrace::pipeline {

/// Looks whole words up. Thread-safe. Source: tokenizers 0.22.2, models/wordlevel/mod.rs.
class WordLevel {
 public:
  WordLevel(std::unordered_map<std::string, std::int32_t> words,
            std::optional<std::int32_t> unknown_id)
      : words_(std::move(words)), unknown_id_(unknown_id) {}

  /// Overwrites `pieces` with the one of a word. Returns false when the word is unknown and there
  /// is no token for that.
  bool cut(std::string_view word, std::vector<BpePiece>& pieces) const {
    const auto found = words_.find(std::string(word));
    pieces.clear();
    if (found == words_.end() && !unknown_id_) return false;
    pieces.push_back({found != words_.end() ? found->second : *unknown_id_, word.size()});
    return true;
  }

 private:
  std::unordered_map<std::string, std::int32_t> words_;
  std::optional<std::int32_t> unknown_id_;
};

}  // namespace millrace::pipeline
