#pragma once

#include "tests/support/kafka_client.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace millrace::tests {

/// A record that was sent, with all that its fate follows from.
struct Sent {
  std::int64_t id = 0;
  std::string key;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::string text;
  bool poison = false;  // its text is a number, so that it belongs to the dead letters
};

struct FeedOptions {
  std::int32_t partitions = 6;
  int keys = 40;         // the first three are hot
  bool in_turn = false;  // keys, and so partitions, in turn instead
  int poison_every = 0;  // 0: none
  std::uint32_t seed = 20240607;
};

/// Makes numbered records, always the same ones from a seed, and remembers them. A key stays in its
/// partition.
class Feed {
 public:
  explicit Feed(FeedOptions options);

  /// Returns the next records as `{"id": …, "text": …}`.
  std::vector<Message> next(std::size_t count);

  const std::vector<Sent>& sent() const { return sent_; }

  /// The texts that records have, few enough to compute what each must give.
  static const std::vector<std::string>& texts();

 private:
  FeedOptions options_;
  std::uint32_t state_;
  Offsets next_offset_;
  std::vector<Sent> sent_;
};

struct Label {
  std::string label;
  double score = 0;
};

/// What each text must give; empty: results are not compared.
using Labels = std::map<std::string, Label>;

enum class Order : std::uint8_t { partition, key };

/// What came of a feed. Everything but `duplicates` must be 0.
struct Verdict {
  std::size_t sent = 0;
  std::size_t delivered = 0;     // results and dead letters, duplicates too
  std::size_t lost = 0;          // sent, and in neither topic
  std::size_t duplicates = 0;    // copies beyond the first
  std::size_t invented = 0;      // never sent, or in the wrong topic, or with another key
  std::size_t misplaced = 0;     // the header says another source than the one it came from
  std::size_t wrong = 0;         // another result than the text gives
  std::size_t out_of_order = 0;  // first occurrences behind a later record
  std::string first_complaint;

  /// Returns all counts in a line.
  std::string text() const;
};

/// Compares what was sent to `topic` with the results and dead letters as they were read back, in
/// order.
///
/// Order::partition: the records of one source partition keep their order in every partition of the
/// results. Order::key: the records of one key do. Both judge first occurrences alone: a repeat may
/// come at any time.
Verdict judge(const std::string& topic,
              const std::vector<Sent>& sent,
              const std::vector<Message>& results,
              const std::vector<Message>& dead_letters,
              const Labels& labels,
              Order order);

}  // namespace millrace::tests
