#pragma once

#include "config/base/clock.h"
#include "config/base/error.h"
#include "connectors/contract/record.h"
#include "connectors/contract/sink.h"
#include "worker/flow/byte_budget.h"
#include "worker/flow/channel.h"
#include "worker/flow/lease.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// What a stage does with a token, on any thread:
//
//     const SettleBatch batch;  // once for a chunk: one lock instead of one for each record
//     for (FateToken& token : chunk) {
//       if (!token.lease().active()) token.discard();
//       else if (auto out = work(token.record())) token.publish(sink, std::move(*out));
//       else token.reject({.error = out.error(), .stage = "score"});
//     }
//
// For several outputs, split() once for each further one before anything is settled:
//
//     FateToken copy = token.split();
//     copy.publish(review, …);
//     token.publish(scored, …);

namespace millrace::worker {

/// The index of a sink among those the emitter was given.
using SinkId = std::uint32_t;

/// One output of a record and where it goes.
struct Emission {
  SinkId sink = 0;
  connectors::OutRecord record;
};

/// The outputs of a record. The first one, mostly the only one, needs no allocation.
class Emissions {
 public:
  void add(Emission emission) {
    if (first_) {
      rest_.push_back(std::move(emission));
    } else {
      first_ = std::move(emission);
    }
  }

  std::size_t size() const { return first_ ? 1 + rest_.size() : 0; }

  bool empty() const { return !first_; }

  const Emission& operator[](std::size_t i) const { return i == 0 ? *first_ : rest_[i - 1]; }

 private:
  std::optional<Emission> first_;
  std::vector<Emission> rest_;
};

/// Why a record is dead-lettered, and what its reader needs to know. Empty texts are left out of
/// the dead letter.
struct Failure {
  Error error;
  std::string stage;
  std::uint32_t attempts = 1;
  std::int64_t first_ms = -1;  // unix time of the first and the last failure; -1 unknown
  std::int64_t last_ms = -1;
  std::string model, revision, device, dtype;
  std::string batch;  // id, size, longest row
};

/// What became of a record so far. The worst of its parts wins; a later one is worse.
enum class Outcome : std::uint8_t { filtered, published, dead_lettered, discarded, failed };

class Passage;
using PassagePtr = std::unique_ptr<Passage>;

/// Where records go once all their parts are settled, and who is told what they weigh.
struct Exit {
  Channel<PassagePtr>& inbox;
  ByteBudget& budget;
};

/// Numbers the passages of a lease that are kept in order, from 0, without gaps.
using Turn = std::uint64_t;
inline constexpr Turn kNoTurn = static_cast<Turn>(-1);

/// One record on its way from intake to settlement.
///
/// Owned by its tokens until the last of them is settled, then by the emitter.
class Passage {
 public:
  connectors::Record record;
  std::shared_ptr<LeaseState> lease;
  SlotIndex slot = 0;
  /// The place in the lease's order; kNoTurn if order does not matter.
  Turn turn = kNoTurn;
  /// The turn that must have passed the gate before; kNoTurn if none.
  Turn after = kNoTurn;
  Instant admitted{};
  /// What the budget holds for it, outputs included.
  std::size_t booked_bytes = 0;

  Outcome outcome = Outcome::filtered;
  Emissions outputs;
  std::unique_ptr<Failure> failure;  // the first one of the worst kind

 private:
  friend class FateToken;
  Exit* exit_ = nullptr;
  std::atomic<std::uint32_t> parts_{1};
  std::mutex mutex_;  // over outcome, outputs, failure while there are several parts
};

/// The duty to say how a record, or one part of it, ended.
///
/// Move-only; one thread at a time. Exactly one of publish, filter, reject, discard settles it.
/// **Destroyed unsettled means failed**: the record's slot never settles and the worker stops,
/// which is the safe answer to an early return or a forgotten path. When the last part is settled
/// the record goes to the emitter with all its outputs.
class FateToken {
 public:
  /// Owes nothing.
  FateToken() = default;

  /// Takes on the duty for a new passage. `exit` outlives the token.
  FateToken(PassagePtr passage, Exit& exit);

  FateToken(FateToken&& other) noexcept : passage_(std::exchange(other.passage_, nullptr)) {}

  FateToken& operator=(FateToken&& other) noexcept;
  FateToken(const FateToken&) = delete;
  FateToken& operator=(const FateToken&) = delete;
  ~FateToken();

  /// True while the duty is open; the accessors below require it.
  explicit operator bool() const { return passage_ != nullptr; }

  const connectors::Record& record() const { return passage_->record; }

  /// Ask it before costly work: work for a lease that is not active is in vain, discard() instead.
  const LeaseState& lease() const { return *passage_->lease; }

  /// When the record was admitted.
  Instant admitted() const { return passage_->admitted; }

  /// Makes the record have one more part, to be settled on its own.
  FateToken split();

  /// One output. Its size is booked until it is delivered.
  void publish(SinkId sink, connectors::OutRecord output);
  /// No output, on purpose.
  void filter();
  /// A dead letter instead of an output.
  void reject(Failure failure);
  /// Gives up because the lease is closing or dead; requires that. The record is done again by the
  /// next owner.
  void discard();

 private:
  explicit FateToken(Passage* passage) : passage_(passage) {}

  template <typename Change>
  void settle(Outcome outcome, Change change);

  Passage* passage_ = nullptr;
};

/// Collects the records that this thread settles, and sends them to the emitter together when it
/// ends.
///
/// Put one on the stack around the work on a chunk: it saves a lock and perhaps a wake-up for each
/// record. May be nested.
class SettleBatch {
 public:
  SettleBatch();
  ~SettleBatch();
  SettleBatch(const SettleBatch&) = delete;
  SettleBatch& operator=(const SettleBatch&) = delete;

  /// Sends what there is now.
  void flush();

 private:
  friend class FateToken;
  static void arrive(PassagePtr passage, Exit& exit);

  Exit* exit_ = nullptr;
  std::vector<PassagePtr> passages_;
  SettleBatch* outer_ = nullptr;
};

/// Returns what an output weighs in the budget: key, value and headers.
std::size_t size_bytes(const connectors::OutRecord& output);

}  // namespace millrace::worker
