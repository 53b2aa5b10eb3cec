#include "pipeline/text/wordpiece_decoder.h"

#include <array>
#include <utility>

namespace millrace::pipeline {
namespace {

/// In this order; each looks at what the one before has left.
constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kCleanUp = {{
    {" .", "."},
    {" ?", "?"},
    {" !", "!"},
    {" ,", ","},
    {" ' ", "'"},
    {" n't", "n't"},
    {" 'm", "'m"},
    {" do not", " don't"},
    {" 's", "'s"},
    {" 've", "'ve"},
    {" 're", "'re"},
}};

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

}  // namespace

std::string WordPieceDecoder::join(std::span<const std::string_view> tokens) const {
  std::string text;
  bool first = true;
  for (const std::string_view token : tokens) {
    std::string piece;
    if (first) {
      piece = token;
    } else if (token.starts_with(prefix_)) {
      piece = token.substr(prefix_.size());
    } else {
      piece = " ";
      piece += token;
    }
    first = false;
    if (clean_up_) {
      for (const auto& [from, to] : kCleanUp) replace_all(piece, from, to);
    }
    text += piece;
  }
  return text;
}

}  // namespace millrace::pipeline
