// Measures the tokenizer on tweet-length texts, one thread. bench/tokenizer.py compares it with its
// peer.
//
//   tokenizer_bench MODEL_FOLDER TEXTS [IDS_OUT]
//
// TEXTS: one text a line. Prints one JSON object. IDS_OUT: where the ids go, one line a text, so
// that the peer can check them before it is timed.

#include "pipeline/text/tokenizer.h"

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>

namespace {

using millrace::pipeline::EncodeOptions;
using millrace::pipeline::Tokenizer;
using Clock = std::chrono::steady_clock;

constexpr int kRounds = 7;
constexpr double kSecondsPerRound = 0.3;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::vector<std::string> read_lines(const char* path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

std::size_t encode_all(const Tokenizer& tokenizer,
                       const std::vector<std::string>& texts,
                       const EncodeOptions& options) {
  std::size_t tokens = 0;
  for (const std::string& text : texts)
    tokens += tokenizer.encode(text, options).value().ids.size();
  return tokens;
}

/// The best of several rounds: others on the machine only make it slower.
double microseconds_per_text(const Tokenizer& tokenizer,
                             const std::vector<std::string>& texts,
                             const EncodeOptions& options) {
  double best = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    const auto start = Clock::now();
    std::size_t done = 0;
    do {
      encode_all(tokenizer, texts, options);
      done += texts.size();
    } while (seconds_since(start) < kSecondsPerRound);
    best = std::min(best, seconds_since(start) * 1e6 / static_cast<double>(done));
  }
  return best;
}

void write_ids(const Tokenizer& tokenizer,
               const std::vector<std::string>& texts,
               const char* path) {
  std::ofstream out(path);
  for (const std::string& text : texts) {
    const auto encoding = tokenizer.encode(text, {.want_offsets = true}).value();
    for (std::size_t i = 0; i < encoding.ids.size(); ++i) {
      out << (i == 0 ? "" : " ") << encoding.ids[i] << ':' << encoding.offsets[i].begin << '-'
          << encoding.offsets[i].end;
    }
    out << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    fmt::print(stderr, "usage: tokenizer_bench MODEL_FOLDER TEXTS [IDS_OUT]\n");
    return 2;
  }
  const auto start = Clock::now();
  auto tokenizer = Tokenizer::load(argv[1]);
  const double load_ms = seconds_since(start) * 1e3;
  if (!tokenizer) {
    fmt::print(stderr, "{}\n", tokenizer.error().text());
    return 3;
  }
  const std::vector<std::string> texts = read_lines(argv[2]);
  if (argc > 3) write_ids(**tokenizer, texts, argv[3]);
  const std::size_t tokens = encode_all(**tokenizer, texts, {});
  const double ids_only = microseconds_per_text(**tokenizer, texts, {});
  const double offsets = microseconds_per_text(**tokenizer, texts, {.want_offsets = true});
  fmt::print(
      "{{\"texts\": {}, \"tokens\": {}, \"load_ms\": {:.1f}, \"ids_us\": {:.3f}, \"offsets_us\": "
      "{:.3f}}}\n",
      texts.size(),
      tokens,
      load_ms,
      ids_only,
      offsets);
  return 0;
}
