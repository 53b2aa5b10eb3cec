#include "pipeline/text/unigram.h"

#include "config/base/utf8.h"

#include <algorithm>

// ends[i] is the best way to cut the first i bytes: its sum, and the piece it ends with.

namespace millrace::pipeline {
namespace {

constexpr double kUnknownPenalty = 10;

constexpr std::size_t kMaxKept = std::size_t{1} << 17;  // bytes of a word

}  // namespace

Unigram::Unigram(ByteTrie vocabulary, std::vector<double> scores, const Options& options)
    : vocabulary_(std::move(vocabulary)),
      scores_(std::move(scores)),
      unknown_score_((scores_.empty() ? 0 : *std::min_element(scores_.begin(), scores_.end())) -
                     kUnknownPenalty),
      options_(options) {}

void Unigram::find_best(std::string_view word, std::vector<Node>& ends) const {
  ends.assign(word.size() + 1, Node{});
  for (std::size_t begin = 0; begin < word.size();) {
    const double so_far = ends[begin].score;
    const std::size_t character = config::decode_utf8(word.substr(begin)).length;
    bool covered = false;
    const auto offer = [&](std::size_t length, double score, std::int32_t id) {
      Node& end = ends[begin + length];
      if (end.id == kUnreached || so_far + score > end.score) end = {so_far + score, begin, id};
    };
    vocabulary_.each_prefix(word.substr(begin), [&](std::int32_t id, std::size_t length) {
      offer(length, scores_[static_cast<std::size_t>(id)], id);
      covered = covered || length == character;
    });
    if (!covered) offer(character, unknown_score_, options_.unknown_id.value_or(kUnknown));
    begin += character;
  }
}

bool Unigram::put_unknown(std::string_view text,
                          std::size_t end,
                          std::vector<BpePiece>& reversed) const {
  if (const auto known = vocabulary_.find(text)) {
    reversed.push_back({*known, end});
    return true;
  }
  if (options_.byte_ids) {
    for (auto byte = text.rbegin(); byte != text.rend(); ++byte)
      reversed.push_back({(*options_.byte_ids)[static_cast<unsigned char>(*byte)], end});
    return true;
  }
  if (!options_.unknown_id) return false;
  reversed.push_back({*options_.unknown_id, end});
  return true;
}

bool Unigram::cut(std::string_view word, std::vector<BpePiece>& pieces) const {
  thread_local std::vector<Node> ends;
  find_best(word, ends);
  pieces.clear();
  bool known = true;
  const auto is_unknown = [&](std::int32_t id) {
    return id == kUnknown || (options_.unknown_id && id == *options_.unknown_id);
  };
  for (std::size_t end = word.size(); end > 0;) {
    std::size_t begin = ends[end].begin;
    if (!is_unknown(ends[end].id)) {
      pieces.push_back({ends[end].id, end});
    } else {
      while (begin > 0 && is_unknown(ends[begin].id)) begin = ends[begin].begin;
      known = put_unknown(word.substr(begin, end - begin), end, pieces) && known;
    }
    end = begin;
  }
  std::reverse(pieces.begin(), pieces.end());
  if (ends.capacity() > kMaxKept) ends = std::vector<Node>();
  return known;
}

}  // namespace millrace::pipeline
