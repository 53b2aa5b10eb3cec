#include "pipeline/text/decoder.h"

#include "config/base/utf8.h"
#include "pipeline/text/byte_level.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

// A decoder is a chain of steps, each turns a list of tokens into another; the text is what the
// last list gives without anything between. With WordPiece ["un", "##aff", "able"] becomes
// ["un", "aff", " able"], which is "unaff able".

namespace millrace::pipeline {
namespace {

using Tokens = std::vector<std::string>;

constexpr std::string_view kReplacement = "\uFFFD";

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  for (std::size_t at = 0;;) {
    const std::size_t found = text.find(from, at);
    out += text.substr(at, found - at);
    if (found == std::string_view::npos) return out;
    out += to;
    at = found + from.size();
  }
}

/// UTF-8 as it is, with U+FFFD for each longest broken part (String::from_utf8_lossy).
std::string lossy_utf8(std::string_view bytes) {
  std::string out;
  while (const auto bad = config::invalid_utf8_at(bytes)) {
    out += bytes.substr(0, *bad);
    out += kReplacement;
    // What is the longest start of a character here? Only its last byte can be missing or wrong.
    bytes.remove_prefix(*bad);
    const auto lead = static_cast<unsigned char>(bytes[0]);
    const std::size_t most = lead >= 0xF0 && lead <= 0xF4   ? 3
                             : lead >= 0xE0 && lead <= 0xEF ? 2
                                                            : 1;
    std::size_t length = 1;
    while (length < most && length < bytes.size()) {
      const auto next = static_cast<unsigned char>(bytes[length]);
      unsigned char low = 0x80;
      unsigned char high = 0xBF;
      if (length == 1) {
        if (lead == 0xE0) low = 0xA0;
        if (lead == 0xED) high = 0x9F;
        if (lead == 0xF0) low = 0x90;
        if (lead == 0xF4) high = 0x8F;
      }
      if (next < low || next > high) break;
      ++length;
    }
    bytes.remove_prefix(length);
  }
  return out.append(bytes);
}

/// The clean-up of one token by the library.
std::string cleaned(std::string token) {
  return replaced(clean_up_spaces(std::move(token)), " do not", " don't");
}

Tokens take_step(const Decoder::WordPiece& step, Tokens tokens) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    std::string& token = tokens[i];
    if (i != 0) {
      if (token.starts_with(step.prefix))
        token.erase(0, step.prefix.size());
      else
        token.insert(0, " ");
    }
    if (step.cleanup) token = cleaned(std::move(token));
  }
  return tokens;
}

Tokens take_step(const Decoder::ByteLevel&, const Tokens& tokens) {
  std::string bytes;
  for (const std::string& token : tokens) bytes += bytes_of_characters(token).value_or(token);
  return {lossy_utf8(bytes)};
}

Tokens take_step(const Decoder::Metaspace& step, Tokens tokens) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = replaced(tokens[i], step.replacement, i == 0 && step.drops_first ? "" : " ");
  }
  return tokens;
}

Tokens take_step(const Decoder::Bpe& step, Tokens tokens) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = replaced(tokens[i], step.suffix, i + 1 == tokens.size() ? "" : " ");
  }
  return tokens;
}

std::optional<char> byte_of(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return std::nullopt;
  std::string_view digits = token.substr(3, 2);
  if (digits.front() == '+') digits.remove_prefix(1);  // Rust reads a sign
  unsigned value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, failure] = std::from_chars(digits.data(), end, value, 16);
  if (failure != std::errc{} || stop != end) return std::nullopt;
  return static_cast<char>(value);
}

Tokens take_step(const Decoder::ByteFallback&, const Tokens& tokens) {
  Tokens out;
  std::string bytes;
  const auto flush = [&] {
    if (bytes.empty()) return;
    if (config::invalid_utf8_at(bytes))
      out.insert(out.end(), bytes.size(), std::string(kReplacement));
    else
      out.push_back(bytes);
    bytes.clear();
  };
  for (const std::string& token : tokens) {
    if (const auto byte = byte_of(token)) {
      bytes += *byte;
      continue;
    }
    flush();
    out.push_back(token);
  }
  flush();
  return out;
}

Tokens take_step(const Decoder::Fuse&, const Tokens& tokens) {
  std::string all;
  for (const std::string& token : tokens) all += token;
  return {all};
}

Tokens take_step(const Decoder::Strip& step, Tokens tokens) {
  for (std::string& token : tokens) {
    std::string_view rest = token;
    for (std::size_t i = 0; i < step.start && rest.starts_with(step.content); ++i) {
      rest.remove_prefix(step.content.size());
    }
    for (std::size_t i = 0; i < step.stop && rest.ends_with(step.content); ++i) {
      rest.remove_suffix(step.content.size());
    }
    token = std::string(rest);
  }
  return tokens;
}

Tokens take_step(const Decoder::Replace& step, Tokens tokens) {
  for (std::string& token : tokens) token = replaced(token, step.pattern, step.content);
  return tokens;
}

std::string replaced(std::string_view text, const Regex& pattern, std::string_view with) {
  std::vector<Regex::Match> matches;
  if (text.empty() || !pattern.find_all(text, matches)) return std::string(text);
  std::string out;
  std::size_t last = 0;
  for (const Regex::Match& match : matches) {
    out += text.substr(last, match.begin - last);
    out += with;
    last = match.end;
  }
  return out.append(text.substr(last));
}

Tokens take_step(const Decoder::ReplaceMatches& step, Tokens tokens) {
  for (std::string& token : tokens) token = replaced(token, step.pattern, step.content);
  return tokens;
}

Tokens take_step(const Decoder::Ctc& step, Tokens tokens) {
  tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
  for (std::string& token : tokens) {
    if (!step.blank.empty()) token = replaced(token, step.blank, "");
    if (step.cleanup) token = replaced(cleaned(std::move(token)), step.delimiter, " ");
  }
  std::erase(tokens, "");
  return tokens;
}

Tokens take_step(const Decoder::Spaces&, Tokens tokens) {
  for (std::size_t i = 1; i < tokens.size(); ++i) tokens[i].insert(0, " ");
  return tokens;
}

}  // namespace

std::string Decoder::decode(std::span<const std::string_view> tokens) const {
  Tokens now(tokens.begin(), tokens.end());
  for (const Step& step : steps_) {
    now = std::visit([&](const auto& known) { return take_step(known, std::move(now)); }, step);
  }
  std::string text;
  for (const std::string& token : now) text += token;
  return text;
}

std::string clean_up_spaces(std::string text) {
  using Change = std::pair<std::string_view, std::string_view>;
  // In this order: each looks at what the one before has left.
  constexpr auto kChanges = std::to_array<Change>({{" .", "."},
                                                   {" ?", "?"},
                                                   {" !", "!"},
                                                   {" ,", ","},
                                                   {" ' ", "'"},
                                                   {" n't", "n't"},
                                                   {" 'm", "'m"},
                                                   {" 's", "'s"},
                                                   {" 've", "'ve"},
                                                   {" 're", "'re"}});
  for (const auto& [from, to] : kChanges) {
    if (text.find(from) != std::string::npos) text = replaced(text, from, to);
  }
  return text;
}

}  // namespace millrace::pipeline
